//! The form of a log, as its first line shows it.

use super::LogLines;
use super::entry::CURSOR;
use super::piece::{is_of_several, is_runtimes};
use super::{frames, tail};
use crate::bytes::line_end::without_line_end;
use crate::line::wrapped::{Head, opens_quote, row};

/// The form of a log. Its first line shows it.
///
/// ```
/// use asg_core::line::Form;
/// assert_eq!(Form::of(b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1714979352000101\n"), Form::Export);
/// assert_eq!(Form::of(b"May  6 07:09:10 cell-1 kernel: text\n"), Form::Lines);
/// assert!(matches!(Form::of(b"<4>1 - - kernel - - - hello\n"), Form::Cut(_)));
/// assert!(matches!(Form::of(b"my-app - - - hello\n"), Form::Tail(_)));
/// assert_eq!(Form::of(b"46 <14>1 2024-05-06T07:09:12Z cell-1 app - - - a\n"), Form::Frames);
/// assert_eq!(Form::of(b"2024-05-06T07:09:12Z,cell-1,app,\"a\n"), Form::Rows(Some(b',')));
/// assert_eq!(Form::of(b"2024-05-06T07:09:12Z stdout P a\n"), Form::Runtime);
/// assert_eq!(Form::of(b"diego_cell/1: stdout | a\n"), Form::Streams);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Form {
    /// Lines, and documents among them.
    #[default]
    Lines,
    /// Lines whose first may be the end of a frame, of a log that begins in its middle. A frame in
    /// so many of the next bytes makes [`Form::Frames`] of it, so that no app prints a line of
    /// another program there; without one, it is [`Form::Lines`].
    Cut(usize),
    /// As [`Form::Cut`], and the first line is not a whole line of a usual form, or an app's. So
    /// lines that may prove something wait until so many of the next bytes have come. If a frame
    /// comes before, they are the end of a frame of an unknown program and prove nothing.
    Tail(usize),
    /// The output of `journalctl -o export`. Only there does a line `__CURSOR=…` begin an entry:
    /// elsewhere a program may have printed it, to hide what follows in a value.
    Export,
    /// Frames with octet counts: `94 <14>1 …`. Only there does a count hold lines together:
    /// elsewhere a program may have printed it, to hide what follows.
    Frames,
    /// The rows of a table, behind a line with the names of its columns. A row with a
    /// packet's or a container's text is passed on as an object of JSON with these names.
    Table(Head),
    /// The rows of a table without a head, with this byte between two columns: the first line is
    /// such a row. `None` if its first value begins with a quote and goes on in the next line.
    Rows(Option<u8>),
    /// Lines of a container's runtime, which divides long ones: `… stdout P …`, `… stdout F …`, and
    /// objects `{"log":"…",…}`; and Filebeat's objects.
    Runtime,
    /// Lines of several machines or containers, behind the name of each: of `bosh ssh`, `pdsh`,
    /// `docker compose logs` and `kubectl logs --prefix`. Or the first line is of an indented
    /// document, behind a name of stern's, `parallel --tag`'s or `grep -H`'s, or a stamp alone.
    Streams,
}

impl Form {
    /// Returns the form of a log that begins like this.
    #[must_use]
    pub fn of(beginning: &[u8]) -> Self {
        if beginning.starts_with(CURSOR) {
            return Self::Export;
        }
        if frames::frame(beginning).is_some() {
            return Self::Frames;
        }
        let end = memchr::memchr(b'\n', beginning).map_or(beginning.len(), |at| at + 1);
        let line = without_line_end(&beginning[..end]);
        let other = || match line {
            _ if is_of_several(line) => Self::Streams,
            _ if tail::is_fragment(line) => Self::Tail(frames::MOST_FRAME),
            _ if frames::may_be_cut(line) => Self::Cut(frames::MOST),
            _ => Self::Lines,
        };
        let without_head = || match line {
            _ if is_runtimes(line) => Self::Runtime,
            _ if tail::ends_object(line) => Self::Tail(frames::MOST_FRAME),
            _ if opens_quote(line) => Self::Rows(None),
            _ => row(line).map_or_else(other, |delimiter| Self::Rows(Some(delimiter))),
        };
        Head::of(line).map_or_else(without_head, Self::Table)
    }

    /// Returns the form of what follows these whole lines of a log of this form. Behind another
    /// table's head, as in `cat a.csv b.csv`, rows have its columns. Behind the end of a frame,
    /// frames follow.
    ///
    /// ```
    /// use asg_core::line::Form;
    /// let rows = b"time,host,message\nt,cell-1,a\nhost,time,message\n";
    /// assert_ne!(Form::of(rows).behind(rows), Form::of(rows));
    /// assert_eq!(Form::Lines.behind(rows), Form::Lines);
    /// ```
    #[must_use]
    pub fn behind(&self, lines: &[u8]) -> Self {
        if !matches!(self, Self::Table(_) | Self::Cut(_) | Self::Tail(_)) {
            return self.clone();
        }
        let mut read = LogLines::within(self.clone());
        read.push(lines, |_| ());
        read.documents.form.unwrap_or_default()
    }
}
