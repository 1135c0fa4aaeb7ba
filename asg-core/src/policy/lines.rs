//! Questions and answers as lines of JSON.

use std::net::IpAddr;

use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::Policy;
use super::evaluator::{Evaluation, Evaluator};
use super::group::Phase;
use super::input;
use super::probe::{Opening, Probe, ProbeTraffic};
use crate::error::Error;

/// A question as a line of JSON.
#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    space: Option<String>,
    phase: Option<Phase>,
    proto: Option<Protocol>,
    dst: Option<String>,
    dpt: Option<u16>,
    #[serde(rename = "type")]
    icmp_type: Option<u8>,
    code: Option<u8>,
    flags: Option<String>,
}

/// The part of a line that its answer repeats, also if the rest is no question.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Protocol {
    Number(u8),
    Name(String),
}

impl Protocol {
    fn number(&self) -> Option<u8> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Name(name) => ProbeTraffic::protocol_number(name),
        }
    }
}

impl Question<'_> {
    fn probe(&self) -> Result<Probe, Error> {
        let missing = |what| Error::expected(0, what);
        let protocol = self.proto.as_ref().and_then(Protocol::number);
        let protocol = protocol.ok_or(missing("`proto`, a protocol's name or number"))?;
        let address = self.dst.as_ref().and_then(|text| text.parse::<IpAddr>().ok());
        let destination = address.ok_or(missing("`dst`, an address"))?.to_canonical();
        let port = || self.dpt.ok_or(missing("`dpt`, a port"));
        let traffic = match protocol {
            6 => ProbeTraffic::Tcp { port: port()?, opening: self.opening()? },
            17 => ProbeTraffic::Udp { port: port()? },
            1 => ProbeTraffic::Icmp {
                icmp_type: self.icmp_type.ok_or(missing("`type`, a number up to 255"))?,
                code: self.code.ok_or(missing("`code`, a number up to 255"))?,
            },
            number => ProbeTraffic::Other(number),
        };
        Ok(Probe { destination, traffic })
    }

    fn opening(&self) -> Result<Opening, Error> {
        let Some(flags) = &self.flags else { return Ok(Opening::New) };
        let [mut syn, mut ack, mut rst, mut fin] = [false; 4];
        for flag in flags.split_ascii_whitespace() {
            match flag {
                "SYN" => syn = true,
                "ACK" => ack = true,
                "RST" => rst = true,
                "FIN" => fin = true,
                "PSH" | "URG" | "ECE" | "CWR" => {}
                _ => return Err(Error::expected(0, "`flags`, such as SYN ACK")),
            }
        }
        Ok(Opening::of(syn, ack, rst, fin))
    }
}

/// An answer as a line of JSON.
struct Line<'a> {
    id: Option<&'a RawValue>,
    near: Option<usize>,
    answer: Result<&'a Evaluation, &'a Error>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        match self.answer {
            Ok(evaluation) => evaluation.write(self.near, &mut map)?,
            Err(error) => map.serialize_entry("error", error)?,
        }
        map.end()
    }
}

impl Evaluator {
    /// Answers one line of JSON with one line of JSON, with at most `near` near misses.
    ///
    /// The question is
    /// `{"id":…,"space":GUID,"phase":"running","proto":"tcp","dst":"10.0.11.7","dpt":443}`. `id`
    /// can be anything. Without `space` only global groups are known; without `phase` an app runs.
    /// ICMP has `type` and `code` in place of `dpt`; TCP can have `flags`, by default SYN. Unknown
    /// members are ignored. For a line that is not a question the answer has `error`, and the `id`
    /// if there is one; a blank line gets no answer.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// let mut out = Vec::new();
    /// let line = br#"{"id":1,"space":"s-1","proto":"tcp","dst":"10.0.0.1","dpt":443}"#;
    /// policy.evaluator().unwrap().answer_line(line, None, &mut out);
    /// let answer: serde_json::Value = serde_json::from_slice(&out).unwrap();
    /// assert_eq!(answer["verdict"], "allow");
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "writing into memory does not fail")]
    pub fn answer_line(&mut self, line: &[u8], near: Option<usize>, out: &mut Vec<u8>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let question = serde_json::from_slice::<Question<'_>>(line);
        let question = question.map_err(|error| input::at(line, 0, &error));
        let id = match &question {
            Ok(question) => question.id,
            Err(_) => serde_json::from_slice::<Named<'_>>(line).ok().and_then(|named| named.id),
        };
        let evaluation = question.and_then(|question| {
            let probe = question.probe()?;
            let phase = question.phase.unwrap_or(Phase::Running);
            Ok(self.evaluate(question.space.as_deref(), phase, &probe))
        });
        let answer = evaluation.as_deref();
        let line = Line { id, near, answer };
        serde_json::to_writer(&mut *out, &line).expect("an answer can be written to memory");
        out.push(b'\n');
    }
}

impl Policy {
    /// Answers lines of JSON with lines of JSON, as of the last snapshot; see
    /// [`Evaluator::answer_line`].
    ///
    /// ```
    /// use asg_core::policy::{Policy, Settings, Snapshot};
    ///
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
    /// let mut answers = Vec::new();
    /// policy.evaluate_lines(br#"{"id":"a","space":"s-1","proto":"gre","dst":"10.0.0.1"}"#, None, &mut answers);
    /// assert_eq!(
    ///     String::from_utf8_lossy(&answers),
    ///     r#"{"id":"a","load":"ok","verdict":"deny","by":"default","decided":"certain","matches":[],"near":[]}"#.to_owned() + "\n",
    /// );
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn evaluate_lines(&self, questions: &[u8], near: Option<usize>, out: &mut Vec<u8>) {
        let Some(mut evaluator) = self.evaluator() else { return };
        for line in questions.split(|b| *b == b'\n') {
            evaluator.answer_line(line, near, out);
        }
    }
}
