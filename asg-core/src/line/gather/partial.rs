//! Lines that a container's runtime has divided: `… stdout P …`, up to `… stdout F …`.
//!
//! Runtimes divide at 16 KiB, wherever that is. Without the lines before it, the end of a line may
//! look like another's.
//!
//! Source: Kubernetes, `pkg/kubelet/kuberuntime/logs`, the format of CRI.

use super::State;
use crate::bytes::find::position;

/// A line that has begun.
#[derive(Debug, Clone)]
pub(super) struct Partial {
    stream: &'static [u8],
    /// Where the text begins on each line.
    starts: Vec<usize>,
}

/// The head of a runtime's line.
struct Head {
    stream: &'static [u8],
    is_partial: bool,
    /// Where the text begins.
    len: usize,
}

impl Head {
    fn of(line: &[u8]) -> Option<Self> {
        let (_, stamp, _) = crate::time::rfc3339(line)?;
        let rest = line[stamp..].strip_prefix(b" ")?;
        let streams: [&'static [u8]; 2] = [b"stdout ", b"stderr "];
        let stream = streams.into_iter().find(|stream| rest.starts_with(stream))?;
        let tag = stamp + 1 + stream.len();
        match &line[tag..] {
            [tag_of_line @ (b'P' | b'F'), b' ', ..] => {
                Some(Self { stream, is_partial: *tag_of_line == b'P', len: tag + 2 })
            }
            b"F" => Some(Self { stream, is_partial: false, len: tag + 1 }),
            _ => None,
        }
    }
}

/// Returns whether a line may be a runtime's that goes on in the next one. Most are not.
pub(super) fn may_go_on(line: &[u8]) -> bool {
    const MOST_HEAD: usize = 48;
    position!(b" P ", &line[..line.len().min(MOST_HEAD)]).is_some()
}

/// Returns whether a line is a runtime's.
pub(super) fn is_runtimes(line: &[u8]) -> bool {
    Head::of(line).is_some()
}

impl Partial {
    /// Begins with a line that goes on in the next one.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        let head = Head::of(line).filter(|head| head.is_partial)?;
        Some(Self { stream: head.stream, starts: vec![head.len] })
    }

    /// Takes a further line.
    pub(super) fn take(&mut self, line: &[u8]) -> State {
        let Some(head) = Head::of(line).filter(|head| head.stream == self.stream) else {
            return State::Ended;
        };
        self.starts.push(head.len);
        if head.is_partial { State::Open } else { State::Closed }
    }

    /// Returns the whole line, behind the head of its first part.
    pub(super) fn joined<'a>(&self, lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut text = Vec::new();
        for (n, (line, start)) in lines.zip(&self.starts).enumerate() {
            if n == 0 {
                text.extend_from_slice(&line[..*start - 2]);
                text.extend_from_slice(b"F ");
            }
            text.extend_from_slice(&line[*start..]);
        }
        text
    }
}
