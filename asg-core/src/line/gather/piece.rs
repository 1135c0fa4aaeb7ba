//! One line of a stream: of a machine, a container, or one of a container's two outputs.
//!
//! | line | stream | writer |
//! |---|---|---|
//! | `diego-cell/<id>: stdout \| …` | what a tool prints before each line | `bosh ssh`, `pdsh`, `kubectl logs --prefix` |
//! | `pod container …`, `cell-1⇥…`, `store.json:…` | the same | stern, `parallel --tag`, `grep -H` |
//! | `… stdout P …`, `… stdout F …` | the file's name, if a tool printed it, and the output | CRI |
//! | `{"log":"…\n","stream":"stdout",…}` | all members but the text and the time | Docker's `json-file` |
//! | `{"message":"…","log":{"file":…},…}` | all members but the text, the time and the offset | Filebeat |
//! | `2024-05-06T07:09:10Z …`, a line of a document | one for all | `kubectl logs --timestamps` |
//!
//! Runtimes divide at 16 KiB, wherever that is. Without the lines before it, the end of a line may
//! look like another's.
//!
//! Sources: Kubernetes, `pkg/kubelet/kuberuntime/logs`, the format of CRI; moby,
//! `daemon/logger/jsonfilelog`, `daemon/logger/copier.go`; `layers::tool`.

use std::borrow::Cow;

use super::prefixed::ends_in_bracket;
use crate::bytes::find::position;
use crate::bytes::json::{Object, string};
use crate::line::envelope::layers;

/// A line of a stream.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    kind: Kind,
    /// The stream's name: the parts that its lines share.
    pub(super) stream: Cow<'a, [u8]>,
    /// The text behind the shared parts; `None` for a line that is in no document.
    pub(super) text: Option<Cow<'a, [u8]>>,
    /// Whether the text goes on in the stream's next line.
    pub(super) goes_on: bool,
    /// Where the text begins on the line, unless it is escaped.
    starts: usize,
}

/// A kind of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tool,
    Cri,
    Docker,
    Filebeat,
}

/// Members of Filebeat's that each line has for itself.
const OWN: [&str; 3] = ["@timestamp", "message", "log"];

/// Docker divides a text behind so many bytes.
const MOST_TEXT: usize = 16 << 10;

/// The beginning of a line of Docker's. Some programs write a blank behind the colon.
const DOCKERS: [&[u8]; 2] = [br#"{"log":""#, br#"{"log": ""#];

/// The texts of a line with which a document of Docker's begins.
const BRACKETS: [&[u8]; 4] = [br#"{\n""#, br#"[\n""#, br#"{\r\n""#, br#"[\r\n""#];

/// The member of Filebeat's with the text.
const MESSAGE: &[u8] = br#""message":"#;

/// The longest name of a file, with a stamp behind it.
const MOST_HEAD: usize = 320;

/// Returns whether a line may begin a document of its stream, or goes on. Most do not.
pub(super) fn may_begin(line: &[u8]) -> bool {
    if let Some(text) = dockers(line) {
        return text.len() > MOST_TEXT || BRACKETS.iter().any(|it| text.starts_with(it));
    }
    if line.starts_with(b"{\"") {
        let is_bracket = |at: usize| {
            let text = line[at + MESSAGE.len()..].trim_ascii_start();
            matches!(text, [b'"', b'{' | b'[', b'"', ..])
        };
        return position!(MESSAGE, line).is_some_and(is_bracket);
    }
    ends_in_bracket(line) || position!(b" P ", &line[..line.len().min(MOST_HEAD)]).is_some()
}

/// Returns whether a line is a container runtime's.
pub(super) fn is_runtimes(line: &[u8]) -> bool {
    cri(line).is_some() || docker(line).is_some() || filebeat(line).is_some()
}

/// Returns what follows the beginning of a line of Docker's.
fn dockers(line: &[u8]) -> Option<&[u8]> {
    DOCKERS.iter().find_map(|begins| line.strip_prefix(*begins))
}

/// The first words of `bosh`, before it runs a command on the machines.
const HEADING: &[u8] = b"Using environment '";

/// Returns whether a log whose first line is this one has lines of several machines or containers.
pub(super) fn is_of_several(line: &[u8]) -> bool {
    line.starts_with(HEADING) || layers::tool(line).is_some() || stamped(line).is_some()
}

impl<'a> Piece<'a> {
    /// Returns the piece that a line is; `None` if it shows no stream.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let of_object = || docker(line).or_else(|| filebeat(line));
        if line.starts_with(b"{") {
            return of_object();
        }
        cri(line).or_else(|| tool(line)).or_else(|| stamped(line))
    }

    /// Returns whether the text is a bracket alone.
    pub(super) fn is_bracket(&self) -> bool {
        matches!(self.text.as_deref(), Some(b"{" | b"[")) && !self.goes_on
    }

    /// Returns whether the text may be a further line of an indented document.
    pub(super) fn is_json(&self) -> bool {
        let text = self.text.as_deref().unwrap_or_default();
        matches!(text.first(), Some(b' ' | b'\t' | b'}' | b']'))
            && matches!(text.trim_ascii_start(), [b'"' | b'{' | b'}' | b'[' | b']', ..])
    }

    /// Returns whether the other line has the same layers before its text.
    pub(super) fn is_like(&self, line: &[u8], first: &[u8]) -> bool {
        let before = layers::before_document;
        self.kind != Kind::Tool
            || before(first).zip(before(line)).is_some_and(|(one, other)| one.has_writer_of(&other))
    }
}

/// Returns a line with this text in place of its own; `None` if it shows no stream.
pub(super) fn with(line: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let piece = Piece::of(line)?;
    let before = &line[..piece.starts];
    match piece.kind {
        Kind::Tool => Some([before, text].concat()),
        Kind::Cri => Some([&before[..before.len().checked_sub(2)?], b"F ", text].concat()),
        Kind::Docker => with_text(line, "log", text),
        Kind::Filebeat => with_text(line, "message", text),
    }
}

/// Parses what a tool prints before each line, and the layers behind it.
fn tool(line: &[u8]) -> Option<Piece<'_>> {
    let len = layers::tool(line)?;
    let body = layers::before_document(line).map(|it| it.body_at).filter(|at| *at >= len);
    Some(Piece {
        kind: Kind::Tool,
        stream: Cow::Borrowed(&line[..len]),
        text: body.map(|at| Cow::Borrowed(&line[at..])),
        goes_on: false,
        starts: body.unwrap_or(len),
    })
}

/// Parses `2024-05-06T07:09:10Z stdout P …`, perhaps behind what a tool prints before it.
fn cri(line: &[u8]) -> Option<Piece<'_>> {
    let head = &line[..line.len().min(MOST_HEAD)];
    let outputs = [&b" stdout "[..], b" stderr "].into_iter();
    let (at, output) =
        outputs.filter_map(|it| Some((memchr::memmem::find(head, it)?, it))).min()?;
    let word = memchr::memrchr(b' ', &head[..at]).map_or(0, |blank| blank + 1);
    let is_stamp = |begins: &usize| {
        let stamp = &head[*begins..at];
        crate::time::rfc3339(stamp).is_some_and(|(_, len, _)| len == stamp.len())
    };
    let colons = memchr::memchr_iter(b':', &head[word..at]).map(|colon| word + colon + 1);
    let begins = std::iter::once(word).chain(colons).take(16).find(is_stamp)?;
    // An app prints no name before the stamp.
    let is_name = begins == 0
        || (word == 0 && head[begins - 1] == b':')
        || layers::tool(line) == Some(begins);
    let tag = at + output.len();
    let (goes_on, starts) = match &line[tag..] {
        [tag_of_line @ (b'P' | b'F'), b' ', ..] => (*tag_of_line == b'P', tag + 2),
        b"F" => (false, tag + 1),
        _ => return None,
    };
    is_name.then(|| Piece {
        kind: Kind::Cri,
        stream: Cow::Owned([&line[..begins], output].concat()),
        text: Some(Cow::Borrowed(&line[starts..])),
        goes_on,
        starts,
    })
}

/// Parses `{"log":"…\n","stream":"stdout","time":"…"}`.
fn docker(line: &[u8]) -> Option<Piece<'_>> {
    dockers(line)?;
    let object = Object::parse(line).ok()?;
    object.get(&["stream"])?;
    let text = string(object.get(&["log"]))?;
    let text = text.as_str();
    let (text, has_end) = match text.strip_suffix('\n') {
        Some(text) => (text.strip_suffix('\r').unwrap_or(text), true),
        None => (text, false),
    };
    let others = object.members().filter(|(name, _)| !matches!(*name, "log" | "time"));
    let stream = others.fold(DOCKERS[0].to_vec(), |mut stream, (name, value)| {
        stream.extend_from_slice(name.as_bytes());
        stream.push(b'\0');
        stream.extend_from_slice(value.get().as_bytes());
        stream
    });
    Some(Piece {
        kind: Kind::Docker,
        stream: Cow::Owned(stream),
        goes_on: !has_end && text.len() >= MOST_TEXT,
        text: Some(Cow::Owned(text.as_bytes().to_vec())),
        starts: 0,
    })
}

/// Parses `{"@timestamp":"…","message":"…","log":{"offset":7,"file":{"path":"…"}},…}`.
///
/// Source: the documentation of Filebeat, its input `filestream`.
fn filebeat(line: &[u8]) -> Option<Piece<'_>> {
    if !line.starts_with(b"{\"") || memchr::memmem::find(line, b"\"path\"").is_none() {
        return None;
    }
    let object = Object::parse(line).ok()?;
    let text = string(object.get(&["message"]))?;
    let log = object.object(&["log"])?;
    log.object(&["file"])?.get(&["path"])?;
    let others = object.members().filter(|(name, _)| !OWN.contains(name));
    let others = others.chain(log.members().filter(|(name, _)| *name != "offset"));
    let mut stream = Vec::new();
    for (name, value) in others {
        stream.extend_from_slice(name.as_bytes());
        stream.push(b'\0');
        stream.extend_from_slice(value.get().as_bytes());
    }
    let text = text.as_str().as_bytes().to_vec();
    Some(Piece {
        kind: Kind::Filebeat,
        stream: Cow::Owned(stream),
        goes_on: false,
        text: Some(Cow::Owned(text)),
        starts: 0,
    })
}

/// Parses a stamp before a line of a document. It names no stream, so all such lines are of one:
/// of two documents between each other none is joined.
fn stamped(line: &[u8]) -> Option<Piece<'_>> {
    let at = layers::stamped_document(line)?;
    Some(Piece {
        kind: Kind::Tool,
        stream: Cow::Borrowed(b""),
        text: Some(Cow::Borrowed(&line[at..])),
        goes_on: false,
        starts: at,
    })
}

/// Returns an object with another text in its member of this name.
fn with_text(line: &[u8], member: &str, text: &[u8]) -> Option<Vec<u8>> {
    let object = Object::parse(line).ok()?;
    let text = std::str::from_utf8(text).ok()?;
    let mut out = format!("{{\"{member}\":").into_bytes();
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    for (name, value) in object.members().filter(|(name, _)| *name != member) {
        let name = serde_json::Value::from(name);
        out.extend_from_slice(format!(",{name}:{}", value.get()).as_bytes());
    }
    out.push(b'}');
    Some(out)
}
