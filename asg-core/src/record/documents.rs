//! Whole documents, given apart from the lines of a log, see [`evidence`]; and further lines of
//! documents between the lines of a log.

use serde_json::value::RawValue;

use crate::bytes::trailing;
use crate::error::Error;
use crate::event::documents::entries;
use crate::event::lager::LagerEvent;
use crate::evidence::{Evidence, Origin, logger_evidence, rep_evidence};
use crate::line::envelope::Envelope;
use crate::record::reader::Memo;
use crate::record::{Content, Record};

/// Passes on the evidence in a whole file: one or several JSON documents, on any number of lines,
/// pretty or not. Other documents prove nothing. `origin` is the place of the first line; the
/// evidence has the place where each entry begins.
///
/// # Errors
///
/// At the byte where the text stops being JSON; the evidence before it was passed on.
///
/// # Example
///
/// ```
/// use asg_core::record::documents;
/// use asg_core::{Origin, SourceId};
///
/// let store = br#"{
///   "bfce786c-ab07-40ad-79f9-8f21": {"handle": "bfce786c-ab07-40ad-79f9-8f21", "ip": "10.255.73.3",
///     "metadata": {"app_id": "bc6f229d-5e4a-4c41-a63f-e8795496c283"}}
/// }"#;
/// let mut seen = Vec::new();
/// let origin = Origin { source: SourceId(0), line: 1 };
/// documents::evidence(store, origin, |evidence| seen.push(evidence))?;
/// assert_eq!(seen[0].app.unwrap().to_string(), "bc6f229d-5e4a-4c41-a63f-e8795496c283");
/// assert_eq!(seen[0].origin.line, 2);
/// # Ok::<(), asg_core::Error>(())
/// ```
pub fn evidence(text: &[u8], origin: Origin, mut each: impl FnMut(Evidence)) -> Result<(), Error> {
    // A shell's prompt may follow the document.
    let text = trailing::divide(text).0;
    let values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let mut lines = LineNumbers { text, counted: 0, line: origin.line };
    for value in values {
        let value = value.map_err(|e| Error::of_json(text, &e))?;
        entries(value, &mut |entry, event| {
            let origin = Origin { line: lines.of(entry.get()), ..origin };
            let evidence = match event {
                LagerEvent::Rep(event) => rep_evidence(&event, None, origin),
                LagerEvent::Logger(event) => logger_evidence(&event, origin),
                LagerEvent::Other => None,
            };
            evidence.into_iter().for_each(&mut each);
        });
    }
    Ok(())
}

impl Record<'_> {
    /// Returns the record of a further line of a document: [`Content::Other`]. `first` is the
    /// number of the document's first line, whose record has the whole content; see
    /// [`DocumentLines`](crate::line::DocumentLines).
    ///
    /// ```
    /// use asg_core::{Record, TimePolicy};
    ///
    /// let policy = TimePolicy::default();
    /// let record = Record::part_of(7);
    /// let json = serde_json::to_value(record.to_output(8, &policy)).unwrap();
    /// assert_eq!((&json["kind"], &json["part_of"]), (&"other".into(), &7.into()));
    /// ```
    #[must_use]
    pub fn part_of(first: u64) -> Self {
        Self {
            header_not_understood: None,
            envelope: Envelope::default(),
            content: Content::Other,
            memo: Memo::default(),
            part_of: Some(first),
        }
    }
}

/// Counts line ends once, as the places asked for go on.
struct LineNumbers<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl LineNumbers<'_> {
    /// Returns the line on which a piece of the text begins.
    fn of(&mut self, piece: &str) -> u64 {
        let at = piece.as_ptr() as usize - self.text.as_ptr() as usize;
        let between = self.text.get(self.counted..at).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', between).count() as u64;
        self.counted = self.counted.max(at);
        self.line
    }
}
