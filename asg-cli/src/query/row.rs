//! A row: a packet, and its owner.

use std::borrow::Cow;

use asg_core::bytes::escape_name;
use asg_core::correlate::KnownFlow;
use asg_core::guid::ProcessName;
use asg_core::ledger::{Attribution, Lifetime};
use asg_core::line::Envelope;
use asg_core::names::NamesThen;
use asg_core::packet::{Address, Ip, Proto, TcpFlags};
use asg_core::policy::{By, Explanation, NearMiss, RuleRef};
use asg_core::prefix::{Direction, LogPrefix};
use asg_core::{
    Certainty, Content, Error, Flow, Identity, Origin, Packet, Record, Timestamp, Verdict,
};

use super::columns::{Column, Common};
use super::saved::SavedRow;
use super::value::Value;
use crate::explain::Explained;
use crate::labels::Labels;

/// One row: a packet, and its owner if the query has flows.
#[derive(Debug, Clone, Copy)]
pub enum Row<'r> {
    /// A row that was just read from a log.
    Read(&'r ReadRow<'r>),
    /// A row of a saved table.
    Saved(SavedRow<'r>),
}

/// A row whose [key](Flow::key) an earlier row had: the values that the two do not share.
#[derive(Debug)]
pub(crate) struct KnownRow<'r> {
    pub(crate) flow: &'r KnownFlow<'r>,
    pub(super) own: ReadRow<'r>,
}

impl<'r> KnownRow<'r> {
    /// Returns the row of a flow. `record` is one that no line gave; the flow's own fields are
    /// written into it.
    pub(crate) fn of(
        flow: &'r KnownFlow<'r>,
        (source, raw): (&'r str, &'r [u8]),
        record: &'r mut Record<'static>,
    ) -> Self {
        record.envelope.uptime = flow.uptime;
        if let Content::Packet { packet, .. } = &mut record.content {
            flow.fill(packet);
        }
        let record: &'r Record<'static> = record;
        let Content::Packet { packet, .. } = &record.content else {
            unreachable!("the record was made for packets")
        };
        let own = ReadRow {
            origin: flow.origin,
            source,
            raw,
            time: flow.time,
            record,
            packet,
            cf: None,
            error: None,
            flow: None,
            known: Some(flow),
            explained: None,
            labels: None,
        };
        Self { flow, own }
    }

    /// Returns the packet, without the fields that the key determines.
    pub(crate) const fn packet(&self) -> &'r Packet<'r> {
        self.own.packet
    }

    /// Returns the key of its flow.
    pub(crate) const fn key(&self) -> usize {
        self.flow.key.index()
    }

    /// Returns the shape of its packet.
    pub(crate) const fn shape(&self) -> usize {
        self.flow.shape()
    }

    /// Returns its value in a column that is not shared.
    pub(crate) fn own_value(&self, column: &Column) -> Value<'_> {
        debug_assert!(!column.is_shared(), "{} is the same for all rows of a key", column.name);
        (column.get)(&self.own)
    }

    /// Returns its value in a column, if all known flows of its shape have it.
    pub(crate) fn value_of_shape(&self, column: &Column) -> Option<Value<'_>> {
        let value = (column.get)(&self.own);
        match column.common {
            Common::ByShape => Some(value),
            Common::Presence => matches!(value, Value::Null).then_some(value),
            Common::Renamed => (!self.flow.is_renamed()).then_some(Value::Null),
            Common::Nothing | Common::ByKey => None,
        }
    }
}

/// A row that was just read from a log.
#[derive(Debug)]
pub struct ReadRow<'r> {
    /// The place of the line.
    pub origin: Origin,
    /// The name of its source.
    pub source: &'r str,
    /// The line.
    pub raw: &'r [u8],
    /// When the packet was logged, if the line shows it and somebody needs it.
    pub time: Option<Timestamp>,
    /// The parsed line.
    pub record: &'r Record<'r>,
    /// The packet in it.
    pub packet: &'r Packet<'r>,
    /// The meaning of its log prefix, if it is Cloud Foundry's.
    pub cf: Option<&'r LogPrefix<'r>>,
    /// The error of a damaged line.
    pub error: Option<&'r Error>,
    /// The packet with its owner; `None` for rows of packets.
    pub flow: Option<&'r Flow<'r, 'r>>,
    /// A flow that is not there whole.
    pub(crate) known: Option<&'r KnownFlow<'r>>,
    /// Why it was allowed or denied; `None` if nobody asked.
    pub explained: Option<&'r Explained>,
    /// The caller's names and verdicts.
    pub labels: Option<&'r Labels>,
}

impl<'r> Row<'r> {
    /// When the packet was logged, if the line shows it and somebody needs it.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Read(read) => read.time,
            Self::Saved(saved) => saved.time("time"),
        }
    }

    /// Returns the packet with its owner, as it was read; `None` for rows of packets, and saved
    /// rows.
    #[must_use]
    pub fn flow(&self) -> Option<&'r Flow<'r, 'r>> {
        match self {
            Self::Read(read) => read.flow,
            Self::Saved(_) => None,
        }
    }

    /// Returns the key of its flow, which must be the only one that gives rows to a writer on its
    /// thread.
    pub(crate) fn key(&self) -> Option<usize> {
        self.flow()?.key().map(asg_core::correlate::FlowKey::index)
    }

    /// Returns whether the packet was allowed or denied.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Read(read) => read.verdict(),
            Self::Saved(saved) => match saved.text("verdict")? {
                "allowed" => Some(Verdict::Allowed),
                "denied" => Some(Verdict::Denied),
                _ => None,
            },
        }
    }

    /// Returns whether a network policy logged the packet where it arrives.
    pub(crate) fn is_ingress(&self) -> bool {
        match self {
            Self::Read(read) => read.cf.is_some_and(|cf| cf.direction == Direction::Ingress),
            Self::Saved(saved) => saved.text("direction") == Some("ingress"),
        }
    }

    /// Returns the length of the IP packet in bytes, if it was logged.
    pub(crate) fn ip_len(&self) -> Option<u64> {
        match self {
            Self::Read(read) => read.packet.ip.len.map(u64::from),
            Self::Saved(saved) => u64::try_from(saved.int("len")?).ok(),
        }
    }

    /// Returns whether the line is damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        match self {
            Self::Read(read) => read.error.is_some(),
            Self::Saved(saved) => saved.text("error").is_some(),
        }
    }

    /// `org/space/app`, as far as names are known.
    pub(crate) fn path(&self) -> Option<String> {
        match self {
            Self::Read(read) => read.identity().and_then(Identity::path),
            Self::Saved(saved) => {
                let app = saved.text("app_name")?;
                let part = |column| escape_name(saved.text(column).unwrap_or("?"));
                let app = escape_name(app);
                Some(format!("{}/{}/{app}", part("org_name"), part("space_name")))
            }
        }
    }

    /// Returns the GUID of the app; else that of the process, which outlives its versions; else
    /// that of the task, or the handle. `None` if nobody is known for sure.
    pub(crate) fn owner(&self) -> Option<String> {
        let first_half = |process: String| process.chars().take(36).collect();
        match self {
            Self::Read(read) => {
                let attribution = read.attribution()?;
                if attribution.certainty <= Certainty::Ambiguous {
                    return None;
                }
                let app = read.app_guid().map(Cow::into_owned);
                app.or_else(|| Some(first_half(attribution.process()?.to_string())))
                    .or_else(|| Some(attribution.subject()?.to_string()))
                    .or_else(|| Some(attribution.container()?.handle().to_string()))
            }
            Self::Saved(saved) => {
                if matches!(saved.text("certainty")?, "ambiguous" | "unknown") {
                    return None;
                }
                let text = |column| saved.text(column).map(str::to_owned);
                text("app_guid")
                    .or_else(|| text("process_guid").map(first_half))
                    .or_else(|| text("handle"))
            }
        }
    }
}

impl<'r> ReadRow<'r> {
    /// Returns the row of a flow whose line is `raw`.
    #[must_use]
    pub fn of(flow: &'r Flow<'r, 'r>, raw: &'r [u8]) -> Self {
        let error = match &flow.record.content {
            Content::Damaged(damaged) => Some(&damaged.error),
            _ => None,
        };
        Self {
            origin: flow.origin,
            source: crate::origins::name(flow.origin.source),
            raw,
            time: flow.time,
            record: &flow.record,
            packet: flow.packet(),
            cf: flow.cf.as_ref(),
            error,
            flow: Some(flow),
            known: None,
            explained: None,
            labels: None,
        }
    }

    /// Returns a protocol: of packets as printed, of flows by its name.
    pub(super) fn protocol<'v>(&self, proto: Option<&'v Proto>) -> Value<'v> {
        match proto {
            None => Value::Null,
            Some(Proto::Tcp) => Value::Word("TCP"),
            Some(Proto::Udp) => Value::Word("UDP"),
            Some(other) => match other.name().filter(|_| self.is_flow()) {
                Some(name) => Value::Word(name),
                None => Value::Shown(other),
            },
        }
    }

    /// Returns an address: of packets as printed, of flows in the form of RFC 5952.
    pub(super) fn address(&self, address: Option<Address>) -> Value<'static> {
        match address {
            None => Value::Null,
            Some(Address::V6(ip)) if self.is_flow() => Value::Text(ip.to_string().into()),
            Some(address) => Value::Address(address),
        }
    }

    /// Returns the verdict of the prefix, by its own words or by the caller's.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let by_label =
            || self.labels?.verdict(&String::from_utf8_lossy(self.packet.prefix.as_bytes()));
        self.cf.map(|cf| cf.verdict).or_else(by_label)
    }

    /// Returns the name of the smallest network of the destination, and whether it is the address's
    /// own.
    pub(crate) fn destination_name(&self) -> Option<(&'r str, bool)> {
        self.labels?.network(self.packet.ip.dst?.ip()?)
    }

    pub(super) fn explanation(&self) -> Option<&'r Explanation> {
        self.explained.map(|explained| &*explained.explanation)
    }

    pub(super) fn by(&self) -> Option<&'r By> {
        self.explanation()?.by.as_ref()
    }

    /// Returns the rule that decided, or the first of those that may have.
    pub(super) fn by_rule(&self) -> Option<&'r RuleRef> {
        match self.by()? {
            By::Rule(rule) => Some(rule),
            By::AnyOf(rules) => rules.first(),
            By::Other(_) => None,
        }
    }

    pub(super) fn near(&self) -> Option<&'r NearMiss> {
        self.explanation()?.near.first()
    }

    pub(super) fn time_error(&self) -> Value<'static> {
        let of_known = || self.known.and_then(|known| known.range);
        let range = self.flow.map_or_else(of_known, |flow| flow.range);
        let millis = range.zip(self.time).and_then(|(range, time)| range.millis_around(time));
        millis.map_or(Value::Null, |millis| Value::Millis(millis.into()))
    }

    pub(super) fn attribution(&self) -> Option<&'r Attribution<'r>> {
        self.flow.map(|flow| &flow.attribution)
    }

    pub(super) fn container(&self) -> Option<Lifetime<'r>> {
        self.attribution()?.container()
    }

    pub(super) fn cc_process(&self) -> Value<'static> {
        let process = self.attribution().and_then(Attribution::process);
        process.map_or(Value::Null, cc_process)
    }

    pub(super) fn identity(&self) -> Option<&'r Identity> {
        self.flow?.identity
    }

    pub(super) fn app_guid(&self) -> Option<Cow<'r, str>> {
        Some(match self.flow?.app()? {
            Cow::Borrowed(app) => Cow::Borrowed(&*app.guid),
            Cow::Owned(app) => Cow::Owned(app.guid),
        })
    }

    pub(super) fn names_then(&self) -> NamesThen<'r> {
        let of_known = || self.known.map_or_else(NamesThen::default, KnownFlow::names_then);
        self.flow.map_or_else(of_known, Flow::names_then)
    }

    pub(super) const fn is_flow(&self) -> bool {
        self.flow.is_some() || self.known.is_some()
    }

    pub(super) fn evidence(&self) -> Option<Origin> {
        self.attribution()?.evidence().into_iter().next()
    }

    pub(super) fn nested(&self) -> Option<&Ip<'r>> {
        self.packet.ip.nested.as_deref()
    }

    pub(super) fn cell(&self) -> Value<'_> {
        let Envelope { instance, job, index, host, .. } = &self.record.envelope;
        match (instance, job, index, host) {
            (Some(instance), ..) => (*instance).into(),
            (_, Some(job), Some(index), _) => Value::Text(Cow::Owned(format!("{job}/{index}"))),
            (.., Some(host)) => (*host).into(),
            _ => self.flow.and_then(|flow| flow.cell.as_deref()).map(Cow::Borrowed).into(),
        }
    }

    pub(super) fn flags(&self) -> Value<'static> {
        let Some(flags) = self.packet.ip.flags else { return Value::Null };
        let is_it = |(other, _): &&(TcpFlags, &str)| flags == TcpFlags::ACK | *other;
        if let Some((_, text)) = WITH_ACK.iter().find(is_it) {
            return Value::Word(text);
        }
        let mut names = flags.names();
        let first = names.next().unwrap_or_default();
        let Some(second) = names.next() else { return Value::Word(first) };
        let mut text = format!("{first} {second}");
        names.for_each(|name| text.extend([" ", name]));
        Value::Text(Cow::Owned(text))
    }
}

/// The flags that most packets with ACK have besides, and the text of both.
const WITH_ACK: [(TcpFlags, &str); 4] = [
    (TcpFlags::PSH, "ACK PSH"),
    (TcpFlags::SYN, "ACK SYN"),
    (TcpFlags::FIN, "ACK FIN"),
    (TcpFlags::RST, "ACK RST"),
];

/// Cloud Controller's GUID of a process, which is the part of Diego's before the version.
pub(super) fn cc_process(process: &ProcessName) -> Value<'static> {
    let whole = process.guid().map(|guid| guid.to_string());
    whole.map_or(Value::Null, |whole| Value::Text(whole.chars().take(36).collect()))
}
