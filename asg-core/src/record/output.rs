//! A record as the object of the output contract.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Content, Damaged, Record};
use crate::bytes::text::Text;
use crate::bytes::trailing;
use crate::packet;
use crate::time::TimePolicy;

/// A record as the object of the output contract; see [`Record::to_output`].
#[derive(Debug, Clone, Copy)]
pub struct RecordOutput<'r, 'a> {
    record: &'r Record<'a>,
    line: u64,
    policy: &'r TimePolicy,
    more: &'r [Record<'a>],
}

impl<'r, 'a> RecordOutput<'r, 'a> {
    pub(super) const fn new(record: &'r Record<'a>, line: u64, policy: &'r TimePolicy) -> Self {
        Self { record, line, policy, more: &[] }
    }

    /// Adds the records behind this one on the line; see [`Record::all`].
    ///
    /// ```
    /// use asg_core::{Line, Record, TimePolicy};
    ///
    /// let line = Line::new(br#"[{"message":"a IN= OUT=b SRC=1.2.3.4"},{"message":"b IN= OUT=b SRC=1.2.3.4"}]"#);
    /// let records: Vec<_> = Record::all(&line).collect();
    /// let policy = TimePolicy::default();
    /// let output = records[0].to_output(1, &policy).with_more(&records[1..]);
    /// let output = serde_json::to_value(output)?;
    /// assert_eq!(output["more"][0]["packet"]["prefix"], "b ");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub const fn with_more(self, more: &'r [Record<'a>]) -> Self {
        Self { more, ..self }
    }
}

impl Serialize for RecordOutput<'_, '_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Self { record, line, policy, more } = *self;
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("line", &line)?;
        let members = |record| Members { record, policy };
        members(record).serialize_into(&mut map)?;
        if !more.is_empty() {
            map.serialize_entry("more", &more.iter().map(members).collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// The content of a record, without the place of its line.
struct Members<'r, 'a> {
    record: &'r Record<'a>,
    policy: &'r TimePolicy,
}

impl Serialize for Members<'_, '_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        self.serialize_into(&mut map)?;
        map.end()
    }
}

impl Members<'_, '_> {
    fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Record { envelope, content, .. } = self.record;
        map.serialize_entry("kind", self.record.kind())?;
        map.serialize_entry("time", &self.record.time(self.policy))?;
        map.serialize_entry("host", &envelope.host)?;
        map.serialize_entry("job", &envelope.job)?;
        map.serialize_entry("index", &envelope.index)?;
        map.serialize_entry("instance", &envelope.instance)?;
        map.serialize_entry("uptime", &envelope.uptime)?;
        if let Some(first) = self.record.part_of {
            map.serialize_entry("part_of", &first)?;
        }
        let rep = match content {
            Content::Rep(event) => Some(event),
            // One object a line: the first container is written in the place of a single one, the
            // others behind it.
            Content::Document(containers) => {
                if let Some((first, more)) = containers.split_first() {
                    map.serialize_entry("rep", first)?;
                    map.serialize_entry("rep_more", more)?;
                }
                None
            }
            Content::Damaged(damaged) => damaged.rep(),
            Content::Logger(event) => {
                map.serialize_entry("logger", event)?;
                None
            }
            Content::Packet { .. } | Content::Other => None,
        };
        if let Some(repeated) = envelope.repeated {
            map.serialize_entry("repeated", &repeated)?;
        }
        if self.record.not_platform()
            && let Some(program) = envelope.writer()
        {
            map.serialize_entry("program", &program)?;
        }
        if let Some((packet, cf)) = self.record.packet() {
            if let Some(cf) = cf {
                map.serialize_entry("cf", cf)?;
            }
            map.serialize_entry("packet", packet)?;
            if let Some(trailing) = packet.trailing() {
                map.serialize_entry("trailing", &trailing)?;
            }
            if !packet.redacted().is_empty() {
                map.serialize_entry("redacted", packet.redacted())?;
            }
        } else if *content == Content::Other
            && let Some(writer) = packet::foreign::writer(envelope.body.as_bytes())
        {
            map.serialize_entry("writer", writer)?;
        }
        if let Some(event) = rep {
            map.serialize_entry("rep", event)?;
        }
        let body = envelope.body.as_bytes();
        if matches!(content, Content::Rep(_) | Content::Logger(_) | Content::Document(_))
            && matches!(body, [b'{' | b'[', ..])
            && let (_, marks @ [_, ..]) = trailing::divide_object(body)
        {
            map.serialize_entry("trailing", &Text::new(marks))?;
        }
        if let Content::Damaged(Damaged { error, .. }) = content {
            map.serialize_entry("error", error)?;
        }
        if let Some(offset) = self.record.header_not_understood {
            map.serialize_entry("header_not_understood", &Offset { offset })?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Offset {
    offset: usize,
}
