//! Frames with octet counts whose message goes on over several lines.
//!
//! A message ends where its count ends, so all lines up to there belong to its writer. A count is
//! right if a line ends there, or another frame begins. If it is wrong, lines are passed on one by
//! one, and none is lost. Lines behind a speaker's frame with a wrong count that have no frame of
//! their own remain text of that speaker. Lines before the first frame may be the end of one; see
//! [`tail`](super::tail).
//!
//! Source: RFC 6587, 3.4.1.

use super::held::{Held, HeldLines};
use crate::line::envelope::role::Role;
use crate::line::envelope::{Dialect, Envelope, layers};
use crate::line::split::RawLine;
use crate::time::LogTime;

/// Takes a line, and whether the log is known to be one of frames.
pub(super) type Each<'e> = dyn FnMut(RawLine<'_>, bool) + 'e;

/// Joins the lines of each frame.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameLines {
    /// Lines that wait for the end of a frame; it begins in the first of them. Each has the frame
    /// that begins in it and does not end in it.
    held: HeldLines<Option<Open>>,
    /// How many of them are the first frame's in any case, as far as that is known.
    own: usize,
    /// The beginning of the line in whose middle the first of them begins, behind other frames.
    shares: Option<u64>,
    /// Whether the log is known to be one of frames: its first line is one, or a count was right.
    pub(super) is_certain: bool,
}

/// A frame that goes on behind its line.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Where it ends in the stream, by its count.
    ends: u64,
    /// Whether its writer hands on no lines.
    is_speakers: bool,
}

impl FrameLines {
    pub(super) const fn new() -> Self {
        Self { held: HeldLines::new(), own: 0, shares: None, is_certain: false }
    }

    /// Takes the next line, and passes on those that are complete, each with whether the log is
    /// known to be one of frames.
    pub(super) fn push(&mut self, line: RawLine<'_>, each: &mut Each<'_>) {
        let open = Open::in_line(line.bytes, line.offset, line.skipped);
        if self.held.is_empty() && open.is_none() {
            self.is_certain |= line.skipped == 0 && are_frames(line.bytes);
            return each(line, self.is_certain);
        }
        self.held.push(&line, open);
        self.settle(false, each);
    }

    /// Ends the stream.
    pub(super) fn finish(&mut self, each: &mut Each<'_>) {
        self.settle(true, each);
    }

    /// Returns where the lines begin that are not complete.
    pub(super) fn begins(&self) -> Option<u64> {
        let first = self.held.first()?;
        Some(self.shares.unwrap_or(first.offset))
    }

    /// Passes on what is decided by the lines so far.
    fn settle(&mut self, is_over: bool, each: &mut Each<'_>) {
        while let Some(first) = self.held.first() {
            let Some(open) = first.note else {
                self.is_certain |= first.skipped == 0 && are_frames(self.held.text_of(first));
                self.pass_on(1, 0, each);
                continue;
            };
            let last = self.held.last().map_or(0, Held::ends);
            if open.ends > last + 1 {
                if !is_over {
                    return;
                }
                let own = self.count_own(open);
                self.pass_on(own, 0, each);
                continue;
            }
            // The line in which the frame ends, or that begins there.
            let place = self.held.count_while(|held| held.ends() + 1 < open.ends);
            let Some(line) = self.held.get(place) else { return };
            let Some(inside) = open.ends.checked_sub(line.offset).filter(|at| *at > 0) else {
                // It ends with the line end before.
                self.is_certain = true;
                self.pass_on(place, 0, each);
                continue;
            };
            let inside = usize::try_from(inside).unwrap_or(usize::MAX);
            match self.held.text_of(line).get(inside..) {
                Some(rest) if frame(rest).is_some() => {
                    self.is_certain = true;
                    self.pass_on(place, inside, each);
                }
                Some(rest) if !rest.trim_ascii().is_empty() => {
                    let own = self.count_own(open);
                    // The next line may be its own, too.
                    if self.is_speakers(open) && own == self.held.len() && !self.is_full(is_over) {
                        return;
                    }
                    self.pass_on(own, 0, each);
                }
                _ => {
                    self.is_certain = true;
                    self.pass_on(place + 1, 0, each);
                }
            }
        }
    }

    /// Returns how many lines are certainly the frame's, if its count is wrong.
    fn count_own(&mut self, open: Open) -> usize {
        let is_frame = |held| frame(self.held.text_of(held)).is_some();
        let mut own = self.own.max(1);
        if self.is_speakers(open) {
            own += self.held.iter().skip(own).take_while(|held| !is_frame(held)).count();
        }
        self.own = own;
        own
    }

    /// Returns whether the lines behind a frame are its writer's up to the next frame, if its count
    /// is wrong.
    const fn is_speakers(&self, open: Open) -> bool {
        open.is_speakers && self.is_certain
    }

    /// Returns whether no more lines are held.
    fn is_full(&self, is_over: bool) -> bool {
        let ends = self.held.last().map_or(0, Held::ends);
        is_over || self.begins().is_some_and(|begins| ends - begins > MOST_FRAME as u64)
    }

    /// Passes on so many lines, and so many bytes of the next one, as one line and its parts. The
    /// rest of the next one is a line by itself.
    fn pass_on(&mut self, lines: usize, bytes: usize, each: &mut Each<'_>) {
        let mut text = Vec::new();
        let mut skipped = 0;
        let is_one = lines == 1 && bytes == 0;
        if !is_one {
            let mut held = self.held.iter().take(lines).peekable();
            let rest = self.held.get(lines).filter(|_| bytes > 0);
            while let Some(line) = held.next() {
                text.extend_from_slice(self.held.text_of(line));
                skipped += line.skipped;
                if let Some(next) = held.peek().copied().or(rest) {
                    // The count has carriage returns, too.
                    let is_crlf = next.offset > line.ends() + 1;
                    text.extend_from_slice(if is_crlf { b"\r\n" } else { b"\n" });
                }
            }
            text.extend(rest.iter().flat_map(|rest| &self.held.text_of(rest)[..bytes]));
        }
        self.own = 0;
        let Some(Held { number: first, offset, .. }) = self.held.first() else { return };
        let (first, begins) = (*first, self.shares.take().unwrap_or(*offset));
        for n in 0..lines {
            self.held.pass_first(|line, _| {
                let line = match n {
                    _ if is_one => line,
                    0 => RawLine { bytes: &text, skipped, ..line },
                    _ => RawLine { skipped: 0, part_of: Some(first), ..line },
                };
                each(line, self.is_certain);
            });
        }
        if bytes > 0 {
            // The frames before it need that line, too.
            self.shares = Some(begins);
            self.held.cut_first(bytes);
            let rest = self.held.first();
            let open = rest
                .and_then(|rest| Open::in_line(self.held.text_of(rest), rest.offset, rest.skipped));
            if let Some(rest) = self.held.get_mut(0) {
                rest.note = open;
            }
        }
    }
}

impl Open {
    /// Finds the frame that a line of frames does not end, or whose count is too small for its
    /// line.
    fn in_line(line: &[u8], offset: u64, skipped: u64) -> Option<Self> {
        let (mut at, mut message) = (0, 0);
        while let Some((begins, len)) = line.get(at..).and_then(frame) {
            (message, at) = (at + begins, at + begins + len);
            // Its line feed may be counted.
            if at as u64 > line.len() as u64 + skipped + 1 {
                break;
            }
        }
        let is_whole = line.get(at..).is_some_and(|rest| rest.trim_ascii().is_empty());
        if at == 0 || is_whole || at == line.len() + 1 {
            return None;
        }
        let is_speakers = !layers::peel(&line[message..]).role().carries_lines();
        Some(Self { ends: offset + at as u64, is_speakers })
    }
}

/// Returns whether a line consists of whole frames.
fn are_frames(line: &[u8]) -> bool {
    let mut at = 0;
    while let Some((begins, len)) = line.get(at..).and_then(frame) {
        at = at.saturating_add(begins + len);
    }
    at > 0 && (at == line.len() || at == line.len() + 1)
}

/// No frame is longer: a count has six digits at most.
pub(super) const MOST_FRAME: usize = 1_000_000;

/// In so many bytes at the beginning of a log, the end of a frame ends: no program writes a longer
/// one.
pub(super) const MOST: usize = 64 << 10;

/// Returns whether the first line of a log may be the end of a frame, or a line in it. A line in
/// syslog's form for files, of a program of the platform's, is not.
pub(super) fn may_be_cut(line: &[u8]) -> bool {
    let is_files = |header: &Envelope<'_>| {
        header.priority.is_none()
            && header.time != LogTime::Unknown
            && header.dialect != Dialect::Rfc5424
            && !matches!(header.role(), Role::Unnamed)
            && header.role().is_platform()
    };
    !layers::headers(line).is_some_and(|header| is_files(&header))
}

/// Returns where a frame's message begins behind its count, and its length.
pub(in crate::line) fn frame(text: &[u8]) -> Option<(usize, usize)> {
    let digits = text.iter().take(6).take_while(|b| b.is_ascii_digit()).count();
    // A count begins with no zero.
    let is_frame = text[digits..].starts_with(b" <") && text.first() != Some(&b'0');
    let len = std::str::from_utf8(&text[..digits]).ok().filter(|_| is_frame)?.parse().ok()?;
    Some((digits + 1, len))
}
