//! One line: read, renamed, written anew, and read again to see that it means the same.

use asg_core::completeness::Completeness;
use asg_core::event::RepEvent;
use asg_core::evidence::Evidence;
use asg_core::line::Role;
use asg_core::prefix::{Direction, Plane, Subject};
use asg_core::record::{Damaged, Outcome, Part};
use asg_core::time::TimeQuality;
use asg_core::{Content, Line, Origin, Record, SourceId, TimePolicy, Timestamp, Verdict};

use super::header::Header;
use super::redactor::Redactor;
use super::{event, packet};

/// A line as it is written, and what became of the old one.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) fate: Fate,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It is written anew, and means the same.
    Kept,
    /// It proves nothing but its time: its text is dropped.
    TextDropped,
    /// It looks like a packet or a container's line, and could not be read: a mark stands for it.
    Unread,
    /// It was read, and could not be written so that it means the same: a mark stands for it.
    Unwritten,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kept, Self::TextDropped, Self::Unread, Self::Unwritten];
}

/// What answers rest on in a line.
#[derive(Debug, PartialEq)]
struct Facts {
    outcome: Outcome,
    seen: Seen,
    resolved: Option<(Timestamp, bool)>,
}

#[derive(Debug, PartialEq)]
enum Seen {
    Nothing,
    Packet {
        line: Vec<u8>,
        cf: Option<(Verdict, Plane, Direction, Subject)>,
        masked: Vec<&'static str>,
        is_damaged: bool,
        is_understood: bool,
    },
    Containers {
        evidence: Vec<(Evidence, [Option<String>; 7])>,
        is_damaged: bool,
    },
    Logger(serde_json::Value),
    Note(u64),
}

/// Writes a line anew.
pub(super) fn rewrite(redactor: &Redactor, line: &Line<'_>, record: &Record<'_>) -> Written {
    let more: Vec<_> = Record::more(line).collect();
    let own = Outcome::of(line, record);
    if more.is_empty() {
        return one(redactor, record, own);
    }
    // Several records: an array of lines, as log stores have them.
    let all = std::iter::once((record, own))
        .chain(more.iter().map(|record| (record, Outcome::Other.with(record))));
    let all: Vec<_> = all.map(|(record, outcome)| one(redactor, record, outcome)).collect();
    let fate = all.iter().map(|written| written.fate).max().unwrap_or(Fate::Kept);
    let lines: Vec<_> =
        all.iter().map(|written| serde_json::json!({ "message": written.text })).collect();
    Written { text: serde_json::Value::from(lines).to_string(), fate }
}

fn one(redactor: &Redactor, record: &Record<'_>, outcome: Outcome) -> Written {
    let header = Header::new(redactor, &record.envelope);
    let wanted = Facts::of(record, outcome, Some(redactor));
    let means_the_same = |text: &String| {
        let line = Line::new(text.as_bytes());
        let again = Record::classify(&line);
        header.equals(&Header::of(&again.envelope))
            && wanted == Facts::of(&again, Outcome::of(&line, &again), None)
    };
    let bodies = bodies(redactor, record, outcome, &wanted);
    if let Some(text) = bodies.iter().flat_map(|body| header.lines(body)).find(means_the_same) {
        let fate = match outcome {
            Outcome::NotUnderstood => Fate::Unread,
            Outcome::NotPlatform if record.packet().is_none() => Fate::Unread,
            Outcome::Damaged if wanted.seen == Seen::Nothing => Fate::Unread,
            Outcome::Other if !matches!(wanted.seen, Seen::Note(_)) => Fate::TextDropped,
            _ => Fate::Kept,
        };
        return Written { text, fate };
    }
    // A mark that counts alike, with as much of the header as can be written.
    let counts_alike = |text: &String| {
        let line = Line::new(text.as_bytes());
        let again = Record::classify(&line);
        header.equals(&Header::of(&again.envelope)) && Outcome::of(&line, &again) == outcome
    };
    let mark = |text: &str| Body::new(text.to_owned());
    let is_headed = |text: &String| {
        let again = Line::new(text.as_bytes());
        let again = Record::classify(&again);
        header.equals(&Header::of(&again.envelope)) && again.kind() == "other"
    };
    let marks = MARKS.iter().flat_map(|text| header.lines(&mark(text))).find(counts_alike);
    let text = marks
        .or_else(|| header.lines(&mark(MARK)).into_iter().find(is_headed))
        .unwrap_or_else(|| MARK.to_owned());
    let fate = if outcome == Outcome::Other { Fate::TextDropped } else { Fate::Unwritten };
    Written { text, fate }
}

/// The text in the place of one that is dropped.
const MARK: &str = "-";
/// In the place of a damaged line.
const DAMAGED: [&str; 4] = [r#"{"timestamp":"#, "{\"", "IN= OUT=", "\":"];
/// In the place of a line that cannot be written so that it means the same.
const MARKS: [&str; 6] = [MARK, DAMAGED[0], DAMAGED[1], DAMAGED[2], DAMAGED[3], UNREAD];
/// In the place of one that looks like a packet's.
const UNREAD: &str = "unread: SRC= DST=";

/// The text behind a header, and its demands on the header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) text: String,
    /// An element of structured data, which only RFC 5424's header can have.
    pub(super) tags: String,
    /// Whether it is behind a header that is not understood.
    pub(super) is_behind_unread: bool,
    /// Whether the header names no program.
    pub(super) is_nameless: bool,
}

impl Body {
    fn new(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Returns the texts that may hold what a line said, the best first.
fn bodies(redactor: &Redactor, record: &Record<'_>, outcome: Outcome, wanted: &Facts) -> Vec<Body> {
    if let Some((packet, cf)) = record.packet() {
        let whole = packet::line(redactor, packet, cf);
        let body = record.envelope.body.as_bytes();
        let is_damaged = matches!(record.content, Content::Damaged(_));
        let mut all: Vec<_> = packet::marked(packet, body, &whole, is_damaged);
        all.push(whole);
        let texts = all.iter().map(|line| String::from_utf8_lossy(line).into_owned());
        if record.header_not_understood.is_none() {
            return texts.map(Body::new).collect();
        }
        let all = texts.flat_map(|text| {
            let unread = Body { is_behind_unread: true, ..Body::new(text) };
            [Body { is_nameless: true, ..unread.clone() }, unread]
        });
        return all.collect();
    }
    let texts: Vec<String> = match &record.content {
        Content::Rep(event) => return events_bodies(redactor, record, event),
        Content::Document(events) => event::documents(redactor, events),
        Content::Logger(event) => vec![event::logger(redactor, event)],
        Content::Damaged(Damaged { part: Some(Part::Rep(event)), .. }) => {
            let whole = event::rep(redactor, event);
            let one_less = whole.strip_suffix('}').unwrap_or(&whole);
            vec![one_less.to_owned(), one_less.strip_suffix('}').unwrap_or(one_less).to_owned()]
        }
        Content::Damaged(_) => DAMAGED.map(Into::into).into(),
        _ if matches!(outcome, Outcome::NotUnderstood | Outcome::NotPlatform) => {
            vec![UNREAD.into()]
        }
        _ => match (&wanted.seen, wanted.resolved) {
            (Seen::Note(lost), _) => notes(redactor, record, *lost),
            (_, Some((time, true))) if has_own_stamp(record) => {
                vec![event::time(time), MARK.to_owned()]
            }
            _ => vec![MARK.to_owned()],
        },
    };
    texts.into_iter().map(Body::new).collect()
}

/// Returns the candidates for a line about a container. A program that writes lager lines writes no
/// app's stream and no access log, and the other way round.
fn events_bodies(redactor: &Redactor, record: &Record<'_>, event: &RepEvent<'_>) -> Vec<Body> {
    let spoken = Body::new(event::spoken(redactor, event));
    match record.envelope.role() {
        Role::Stream => {
            let tags = event::line_tags(redactor, event);
            let tagged = Body { tags, ..spoken.clone() };
            let nameless = |body: &Body| Body { is_nameless: true, ..body.clone() };
            // A program may be the app's GUID, which counts beside the tag.
            vec![nameless(&tagged), nameless(&spoken), tagged, spoken]
        }
        Role::Router => vec![spoken],
        _ => event::lines(redactor, event).into_iter().map(Body::new).collect(),
    }
}

/// Returns whether a line without evidence shows a time in lager's form.
fn has_own_stamp(record: &Record<'_>) -> bool {
    record.envelope.body.as_bytes().starts_with(br#"{"timestamp":"#)
}

/// Returns a program's note that so many lines are missing. A mark of the old text stays, so that
/// one note that arrived twice is still one.
fn notes(redactor: &Redactor, record: &Record<'_>, lost: u64) -> Vec<String> {
    let tag = redactor.tag(record.envelope.body.as_bytes());
    vec![
        format!("{tag}: {lost} callbacks suppressed"),
        format!("{tag} Missed {lost} kernel messages"),
        format!("{tag}: {lost} messages lost due to rate-limiting"),
        format!("{tag} dropped {lost} messages"),
    ]
}

/// Returns how many lines are missing by a line that says so.
fn lost(record: &Record<'_>) -> Option<u64> {
    let body = record.envelope.body.as_bytes();
    let words: [&[u8]; 2] = [b"suppressed", b"messages"];
    words.iter().find(|word| memchr::memmem::find(body, word).is_some())?;
    let mut alone = Completeness::default();
    alone.observe(SourceId(0), record);
    alone.report().first().map(|cell| cell.dropped).filter(|lost| *lost > 0)
}

impl Facts {
    /// Returns the facts of a record, with new values if there is a redactor.
    fn of(record: &Record<'_>, outcome: Outcome, redactor: Option<&Redactor>) -> Self {
        let resolved = record.resolved_time(&TimePolicy::default());
        let resolved = resolved.map(|it| (it.time, it.quality == TimeQuality::Read));
        // What another program prints proves nothing, not even its time.
        // The platform's own lines in an app's stream have a time, too.
        let is_evidence = matches!(record.content, Content::Rep(_));
        let resolved = resolved.filter(|_| record.is_platform() || is_evidence);
        Self { outcome, seen: Seen::of(record, redactor), resolved }
    }
}

impl Seen {
    fn of(record: &Record<'_>, redactor: Option<&Redactor>) -> Self {
        let is_damaged = matches!(record.content, Content::Damaged(_));
        if let Some((packet, cf)) = record.packet() {
            let line = match redactor {
                Some(redactor) => packet::line(redactor, packet, cf),
                None => packet.clone().without_added_text().to_line(),
            };
            let cf = cf.map(|cf| (cf.verdict, cf.plane, cf.direction, cf.subject));
            // A line that is cut has no blank at its end that counts.
            let line = if is_damaged { line.trim_ascii_end().to_vec() } else { line };
            let masked = packet.redacted().to_vec();
            let is_understood = record.header_not_understood.is_none();
            return Self::Packet { line, cf, masked, is_damaged, is_understood };
        }
        if let Content::Logger(event) = &record.content {
            let text = match redactor {
                Some(redactor) => event::logger(redactor, event),
                None => return Self::Logger(serde_json::to_value(event).unwrap_or_default()),
            };
            let line = Line::new(text.as_bytes());
            return match Record::classify(&line).content {
                Content::Logger(event) => {
                    Self::Logger(serde_json::to_value(event).unwrap_or_default())
                }
                _ => Self::Nothing,
            };
        }
        let mut evidence = Vec::new();
        let origin = Origin { source: SourceId(0), line: 1 };
        record.evidence(origin, |it| evidence.push(renamed(it, redactor)));
        if !evidence.is_empty() {
            return Self::Containers { evidence, is_damaged };
        }
        let may_note = matches!(record.content, Content::Other)
            && (record.envelope.is_kernel() || record.envelope.role() != Role::Speaker);
        match may_note.then(|| lost(record)).flatten() {
            Some(lost) => Self::Note(lost),
            None => Self::Nothing,
        }
    }
}

/// Renames a fact about a container. The names are beside it, because they cannot be changed in
/// it.
fn renamed(evidence: Evidence, redactor: Option<&Redactor>) -> (Evidence, [Option<String>; 7]) {
    let mut it = evidence;
    let names = it.names.take().map(|names| *names).unwrap_or_default();
    let text = |text: &Option<asg_core::bytes::JsonStr<'_>>| {
        text.as_ref().map(|it| it.as_str().to_owned())
    };
    let mut names = [
        text(&names.app_guid),
        text(&names.space_guid),
        text(&names.org_guid),
        text(&names.app_name),
        text(&names.space_name),
        text(&names.org_name),
        text(&names.process_type),
    ];
    let Some(redactor) = redactor else { return (it, names) };
    for (n, name) in names.iter_mut().enumerate() {
        *name = name.take().map(|name| match n {
            0..3 => redactor.id(&name),
            6 => event::process_type(redactor, &name),
            _ => redactor.name(&name),
        });
    }
    it.handle = redactor.id(&it.handle.to_string()).parse().unwrap_or(it.handle);
    it.cell = it.cell.map(|cell| redactor.machine(&cell).into());
    it.process = it
        .process
        .map(|process| asg_core::guid::ProcessName::new(&redactor.id(&process.to_string())));
    it.app = it.app.and_then(|app| redactor.id(&app.to_string()).parse().ok());
    let address = |ip: Option<std::net::IpAddr>| ip.map(|ip| redactor.address(ip));
    it.address = address(it.address);
    it.address_v6 = address(it.address_v6);
    it.cell_address = address(it.cell_address);
    (it, names)
}
