//! The columns: names, types, meanings, and how a row fills them. Documentation, Arrow schemas,
//! Spark DDL and filters are made from this one list.
//!
//! Every consumer takes these types, Spark being the narrowest: signed integers, text, binary,
//! booleans and microseconds in UTC.

use std::borrow::Cow;
use std::fmt::{self, Display};

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use asg_core::bytes::{Text, escape_name};
use asg_core::correlate::KnownFlow;
use asg_core::guid::ProcessName;
use asg_core::ledger::{Attribution, Lifetime};
use asg_core::line::Envelope;
use asg_core::names::{AppState, NamesThen};
use asg_core::packet::{Address, Ip, MacAddr, Proto, TcpFlags};
use asg_core::prefix::{Direction, LogPrefix};
use asg_core::{
    Certainty, Content, Error, Flow, Identity, Origin, Packet, Record, Timestamp, Verdict,
};

use asg_core::policy::{By, Code, Codes, Decided, Explanation, NearMiss, Outcome, Phase, RuleRef};
use asg_core::siem::FlowId;

use super::cells::Cells;
use super::csv_cells::CsvCells;
use super::saved::SavedRow;
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
    own: ReadRow<'r>,
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

/// A value of a row.
pub enum Value<'r> {
    /// No value.
    Null,
    /// Text as printed in a line; not always UTF-8.
    Raw(&'r [u8]),
    /// Text.
    Text(Cow<'r, str>),
    /// A word of the output contract.
    Word(&'static str),
    /// Text that is formatted into its destination without a copy.
    Shown(&'r dyn Display),
    /// An IP address.
    Address(Address),
    /// A link address.
    Mac(MacAddr),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A time.
    Time(Timestamp),
    /// Seconds, in thousandths.
    Millis(i64),
    /// Bytes.
    Bytes(&'r [u8]),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers of 32 bits.
    Int,
    /// Whole numbers of 64 bits.
    Long,
    /// Truth values.
    Bool,
    /// Times in UTC, in microseconds.
    Time,
    /// Seconds with three decimals.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Kind {
    /// Returns the Arrow type.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Seconds => DataType::Float64,
            Self::Bytes => DataType::Binary,
        }
    }

    /// Returns the type as Arrow's users call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int32",
            Self::Long => "int64",
            Self::Bool => "bool",
            Self::Time => "timestamp[us, tz=UTC]",
            Self::Seconds => "double",
            Self::Bytes => "binary",
        }
    }
}

/// Which tables a column is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum In {
    /// Packets and flows.
    Packets,
    /// Flows.
    Flows,
    /// Flows that are explained.
    Explained,
    /// Packets and flows, if the caller gives names of networks.
    Labelled,
    /// Packets and flows, if it is asked for by name.
    OnRequest,
}

/// Which known flows have one value of a column. Flows of one shape have values in the same fields
/// of the packet; see [`KnownFlow::shape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Common {
    /// Nothing.
    Nothing,
    /// Flows of one shape all have a value, or none has.
    Presence,
    /// Flows whose owner was never renamed have no value.
    Renamed,
    /// Flows of one shape have one value.
    ByShape,
    /// All flows, and not only known ones, with one [key](Flow::key) have one value.
    ByKey,
}

/// A column.
#[derive(Debug)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The type of its values.
    pub kind: Kind,
    /// Whether values may be missing.
    pub nullable: bool,
    /// Which tables it is in.
    pub of: In,
    /// Its meaning, for documentation.
    pub doc: &'static str,
    /// Which known flows have one value.
    pub(crate) common: Common,
    get: for<'r> fn(&'r ReadRow<'_>) -> Value<'r>,
    /// Puts the value straight into a row of cells.
    put: fn(&ReadRow<'_>, usize, &mut Cells),
    /// Writes the value straight into a line of CSV.
    print: fn(&ReadRow<'_>, &mut CsvCells, &mut Vec<u8>),
}

impl Column {
    /// Returns whether all flows with one [key](Flow::key) have one value.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.common, Common::ByKey)
    }

    /// Returns the column with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        COLUMNS.iter().find(|column| column.name == name)
    }

    /// Its value in a row.
    #[must_use]
    pub fn value<'r>(&self, row: &Row<'r>) -> Value<'r> {
        match row {
            Row::Read(read) => (self.get)(read),
            Row::Saved(saved) => saved.value(self),
        }
    }

    /// Puts its value in a row whose key an earlier row had into cells; the column must not be
    /// shared.
    pub(crate) fn put_own(&self, row: &KnownRow<'_>, at: usize, cells: &mut Cells) {
        debug_assert!(!self.is_shared(), "{} is the same for all rows of a key", self.name);
        (self.put)(&row.own, at, cells);
    }

    /// Puts its value in a row into cells.
    pub(crate) fn put(&self, row: &Row<'_>, at: usize, cells: &mut Cells) {
        match row {
            Row::Read(read) => (self.put)(read, at, cells),
            Row::Saved(saved) => cells.put(at, &saved.value(self)),
        }
    }

    /// Writes its value in a row whose key an earlier row had; the column must not be shared.
    pub(crate) fn print_own(&self, row: &KnownRow<'_>, cells: &mut CsvCells, out: &mut Vec<u8>) {
        debug_assert!(!self.is_shared(), "{} is the same for all rows of a key", self.name);
        (self.print)(&row.own, cells, out);
    }

    /// Writes its value in a row.
    pub(crate) fn print(&self, row: &Row<'_>, cells: &mut CsvCells, out: &mut Vec<u8>) {
        match row {
            Row::Read(read) => (self.print)(read, cells, out),
            Row::Saved(saved) => cells.put(out, &saved.value(self)),
        }
    }

    /// Its field in an Arrow schema.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::new(self.name, self.kind.arrow(), self.nullable)
    }
}

/// Returns the Arrow schema of these columns.
#[must_use]
pub fn schema(columns: &[&'static Column]) -> Schema {
    Schema::new(columns.iter().map(|column| column.field()).collect::<Vec<_>>())
}

macro_rules! columns {
    ($($name:ident: $kind:ident $($null:ident)?, $of:ident $($common:ident)?, $doc:literal, |$row:ident| $get:expr;)*) => {
        /// All columns, in their order.
        pub static COLUMNS: &[Column] = &[$(Column {
            name: stringify!($name),
            kind: Kind::$kind,
            nullable: columns!(@ $($null)?),
            of: In::$of,
            doc: $doc,
            common: columns!(@common $($common)?),
            get: {
                fn get<'r>($row: &'r ReadRow<'_>) -> Value<'r> { $get.into() }
                get
            },
            put: {
                fn put($row: &ReadRow<'_>, at: usize, cells: &mut Cells) {
                    let value: Value<'_> = $get.into();
                    cells.put(at, &value);
                }
                put
            },
            print: {
                fn print($row: &ReadRow<'_>, cells: &mut CsvCells, out: &mut Vec<u8>) {
                    let value: Value<'_> = $get.into();
                    cells.put(out, &value);
                }
                print
            },
        }),*];
    };
    (@common by_key) => { Common::ByKey };
    (@common by_shape) => { Common::ByShape };
    (@common if_shape) => { Common::Presence };
    (@common if_renamed) => { Common::Renamed };
    (@common) => { Common::Nothing };
    (@ required) => { false };
    (@) => { true };
}

columns! {
    time: Time, Packets, "When the packet was logged.", |row| row.time;
    source: Text required, Packets by_key, "The file or stream of the line.", |row| Cow::Borrowed(row.source);
    line: Long required, Packets, "The line's number in its source, from 1.", |row| row.origin.line;
    cell: Text, Packets by_key, "The cell: its BOSH instance id, or job and index, or host, whichever the line shows first.", |row| row.cell();
    verdict: Text, Packets by_key, "`allowed` or `denied`.", |row| row.verdict().map(Verdict::as_str);
    plane: Text, Packets by_key, "`asg`, `c2c` or `rate_limit`: which set of rules decided.", |row| row.cf.map(|cf| cf.plane.as_str());
    direction: Text, Packets by_key, "`egress` or `ingress`, seen from the subject.", |row| row.cf.map(|cf| cf.direction.as_str());
    proto: Text, Packets by_shape, "`TCP`, `UDP`, `ICMP`, …, or a number; of packets as printed, of flows by name wherever there is one.", |row| row.protocol(row.packet.ip.proto.as_ref());
    src: Text, Packets, "Source address; of packets as printed, of flows in the form of RFC 5952.", |row| row.address(row.packet.ip.src);
    spt: Int, Packets if_shape, "Source port.", |row| row.packet.ip.ports()[0];
    dst: Text, Packets, "Destination address; of packets as printed, of flows in the form of RFC 5952.", |row| row.address(row.packet.ip.dst);
    dpt: Int, Packets if_shape, "Destination port.", |row| row.packet.ip.ports()[1];
    subject: Text, Packets by_key, "`container`, `app` or `none`: whom the log prefix names.", |row| row.cf.map(|cf| cf.subject.as_str());
    handle_prefix: Text, Packets by_key, "The leading characters of the subject's handle or app GUID.", |row| row.cf.and_then(|cf| cf.handle_prefix).map(|seen| Cow::Borrowed(seen.as_str()));
    tag: Text, Packets by_key, "The tag that a network policy gives to its source app.", |row| row.cf.and_then(|cf| cf.tag);

    time_error: Seconds, Flows, "How far `time` can be out, in seconds.", |row| row.time_error();
    certainty: Text, Flows by_key, "`exact`, `unique_prefix`, `inferred`, `ambiguous` or `unknown`.", |row| row.attribution().map(|a| a.certainty.as_str());
    reason: Text, Flows by_key, "What decided the attribution.", |row| row.attribution().map(|a| a.reason.as_str());
    handle: Text, Flows by_key, "The container's whole handle.", |row| row.container().map(|c| Cow::Owned(c.handle().to_string()));
    process_guid: Text, Flows by_key, "Diego's process GUID.", |row| row.attribution().and_then(Attribution::process).map(|p| p as &dyn Display);
    cc_process_guid: Text, Flows by_key, "Cloud Controller's GUID of the process: `process_guid` without its version.", |row| row.cc_process();
    index: Int, Flows by_key, "The instance's index, from 0.", |row| row.container().and_then(asg_core::ledger::Lifetime::index);
    process_type: Text, Flows by_key, "The process type: `web`, `worker` or another.", |row| row.identity().and_then(|i| borrowed(i.process_type.as_ref()));
    app_guid: Text, Flows by_key, "The app's GUID.", |row| row.app_guid();
    app_name: Text, Flows by_key, "The app's name.", |row| row.identity().and_then(|i| borrowed(i.app.as_ref()?.name.as_ref()));
    app_state: Text, Flows by_key, "`live`, `deleted`, `hidden`, `unknown` or `unavailable`; empty if no directory was asked.", |row| row.identity().filter(|i| i.state != AppState::NotAsked).map(|i| i.state.as_str());
    app_state_reason: Text, Flows by_key, "Why nothing better is known of the app; empty unless it is `unavailable`.", |row| row.identity().and_then(|i| borrowed(i.state_reason.as_ref()));
    deleted_at: Time, Flows by_key, "When the app was deleted.", |row| row.identity().and_then(|i| i.deleted_at);
    space_guid: Text, Flows by_key, "The space's GUID.", |row| row.identity().and_then(|i| Some(Cow::Borrowed(&*i.space.as_ref()?.guid)));
    space_name: Text, Flows by_key, "The space's name.", |row| row.identity().and_then(|i| borrowed(i.space.as_ref()?.name.as_ref()));
    org_guid: Text, Flows by_key, "The org's GUID.", |row| row.identity().and_then(|i| Some(Cow::Borrowed(&*i.org.as_ref()?.guid)));
    org_name: Text, Flows by_key, "The org's name.", |row| row.identity().and_then(|i| borrowed(i.org.as_ref()?.name.as_ref()));
    app_name_then: Text, Flows if_renamed, "The app's name at the packet's time, if audit events prove it.", |row| row.names_then().app.map(Cow::Borrowed);
    space_name_then: Text, Flows if_renamed, "The space's name at that time, if audit events prove it.", |row| row.names_then().space.map(Cow::Borrowed);
    org_name_then: Text, Flows if_renamed, "The org's name at that time, if audit events prove it.", |row| row.names_then().org.map(Cow::Borrowed);
    evidence_source: Text, Flows by_key, "The file or stream of the first line that decided.", |row| row.evidence().map(|at| crate::origins::name(at.source));
    evidence_line: Long, Flows by_key, "That line's number.", |row| row.evidence().map(|at| at.line);

    len: Int, Packets if_shape, "Bytes of the IP packet.", |row| row.packet.ip.len;
    icmp_type: Int, Packets if_shape, "ICMP type.", |row| row.packet.ip.icmp_type;
    icmp_code: Int, Packets if_shape, "ICMP code.", |row| row.packet.ip.icmp_code;
    flags: Text, Packets if_shape, "TCP flags in the kernel's order, with blanks between.", |row| row.flags();
    in: Text, Packets by_key, "Input interface; empty if there is none.", |row| row.packet.in_if;
    out: Text, Packets by_key, "Output interface; empty if there is none.", |row| row.packet.out_if;
    physin: Text, Packets by_key, "Input port of a bridge.", |row| row.packet.physin;
    physout: Text, Packets by_key, "Output port of a bridge.", |row| row.packet.physout;
    macsrc: Text, Packets by_key, "Source link address.", |row| row.packet.macsrc;
    macdst: Text, Packets by_key, "Destination link address.", |row| row.packet.macdst;
    family: Text required, Packets by_shape, "`ipv4`, `ipv6`, `arp` or `unknown`.", |row| row.packet.family.as_str();
    tos: Int, Packets if_shape, "Type of service.", |row| row.packet.ip.tos;
    prec: Int, Packets if_shape, "Precedence.", |row| row.packet.ip.prec;
    ttl: Int, Packets if_shape, "Time to live, of IPv4.", |row| row.packet.ip.ttl;
    hoplimit: Int, Packets if_shape, "Hop limit, of IPv6.", |row| row.packet.ip.hoplimit;
    id: Int, Packets if_shape, "Identification, of IPv4.", |row| row.packet.ip.id;
    df: Bool, Packets if_shape, "Do not fragment.", |row| row.packet.ip.df;
    mf: Bool, Packets by_shape, "More fragments follow.", |row| row.packet.ip.mf;
    frag_offset: Int, Packets by_shape, "Where a fragment begins, in bytes.", |row| row.packet.ip.frag_offset;
    seq: Long, Packets if_shape, "TCP sequence number.", |row| row.packet.ip.seq;
    ack: Long, Packets if_shape, "TCP acknowledgment number.", |row| row.packet.ip.ack;
    window: Int, Packets if_shape, "TCP window.", |row| row.packet.ip.window;
    urgp: Int, Packets if_shape, "TCP urgent pointer.", |row| row.packet.ip.urgp;
    udp_len: Int, Packets if_shape, "Bytes of the UDP datagram.", |row| row.packet.ip.udp_len;
    icmp_id: Int, Packets if_shape, "ICMP identification.", |row| row.packet.ip.icmp_id;
    icmp_seq: Int, Packets if_shape, "ICMP sequence number.", |row| row.packet.ip.icmp_seq;
    mtu: Long, Packets if_shape, "The MTU that an ICMP message tells.", |row| row.packet.ip.mtu;
    nested_src: Text, Packets if_shape, "Source address of the packet that an ICMP error quotes.", |row| row.address(row.nested().and_then(|ip| ip.src));
    nested_dst: Text, Packets if_shape, "Its destination address.", |row| row.address(row.nested().and_then(|ip| ip.dst));
    nested_proto: Text, Packets if_shape, "Its protocol.", |row| row.protocol(row.nested().and_then(|ip| ip.proto.as_ref()));
    nested_spt: Int, Packets if_shape, "Its source port.", |row| row.nested().and_then(|ip| ip.spt);
    nested_dpt: Int, Packets if_shape, "Its destination port.", |row| row.nested().and_then(|ip| ip.dpt);
    uid: Long, Packets if_shape, "User of the socket.", |row| row.packet.uid;
    gid: Long, Packets if_shape, "Group of the socket.", |row| row.packet.gid;
    mark: Long, Packets if_shape, "The packet's mark.", |row| row.packet.mark;
    host: Text, Packets by_key, "The host in the line's header.", |row| row.record.envelope.host;
    job: Text, Packets by_key, "The BOSH job or instance group.", |row| row.record.envelope.job;
    uptime_us: Long, Packets, "Microseconds since the kernel booted.", |row| row.record.envelope.uptime.map(asg_core::time::Uptime::as_micros);
    prefix: Text required, Packets by_key, "The log prefix, as printed.", |row| row.packet.prefix;
    error: Text, Packets if_shape, "What is wrong with a damaged line.", |row| row.error.map(|e| Cow::Owned(e.reason()));
    error_offset: Int, Packets if_shape, "Where, in bytes from the start of the line.", |row| row.error.map(Error::offset);
    dst_name: Text, Labelled, "The name that --networks gives to the destination.", |row| row.destination_name().map(|(name, _)| Cow::Borrowed(name));
    phase: Text, Explained, "`running` or `staging`: what the container was for.", |row| row.explained.and_then(|it| it.phase).map(Phase::as_str);
    governed: Text, Explained, "`asg`, `c2c`, `cell`, `deny_network`, `rate_limit` or `unknown`: which mechanism decided.", |row| row.explanation().map(|it| it.governed.as_str());
    configured: Text, Explained, "`allowed` or `denied`: the verdict by Cloud Controller's words.", |row| row.explanation().and_then(|it| it.configured).map(Outcome::as_str);
    enforced: Text, Explained, "`allowed` or `denied`: the verdict that the profile predicts.", |row| row.explanation().and_then(|it| it.enforced).map(Outcome::as_str);
    agrees: Bool, Explained, "Whether the line agrees with the prediction.", |row| row.explanation().and_then(|it| it.agrees);
    basis: Text, Explained, "`exact`, `either`, `earlier`, `later` or `none`: how well the rules of that time are known.", |row| row.explanation().map(|it| it.basis.as_str());
    decided: Text, Explained, "`certain`, `by_order` or `undetermined`: how surely the decider is known.", |row| row.explanation().and_then(|it| it.decided).map(Decided::as_str);
    by: Text, Explained, "`rule`, `any_of`, `default`, `deny_network` or `invalid`: what decided.", |row| row.by().map(By::word);
    by_group: Text, Explained, "The GUID of the group whose rule decided, or may have.", |row| row.by_rule().map(|rule| Cow::Borrowed(&*rule.group));
    by_rule: Int, Explained, "The place of that rule in its group, from 0.", |row| row.by_rule().map(|rule| rule.rule);
    matches: Int, Explained, "How many rules match.", |row| row.explanation().map(|it| it.matches.len());
    because: Text, Explained, "The codes of the reasons, with blanks between.", |row| row.explanation().map(|it| codes(it.because));
    near_how: Text, Explained, "`bind`, `phase` or `widen`: the kind of the nearest change that would have allowed the packet.", |row| row.near().map(|near| near.how.as_str());
    near_group: Text, Explained, "The GUID of the group to bind or to change.", |row| row.near().map(|near| Cow::Borrowed(&*near.group));
    near_rule: Int, Explained, "The place of the rule in that group, from 0.", |row| row.near().map(|near| near.rule);
    near_change: Text, Explained, "The change, in JSON.", |row| row.near().map(|near| Cow::Owned(near.change.to_json()));
    blind: Text, Explained, "The codes of similar packets that leave no line, with blanks between.", |row| row.explanation().map(|it| codes(it.blind));
    raw: Bytes required, OnRequest, "The line.", |row| row.raw;
    packet_key: Long, OnRequest, "A number that all lines about one packet share; lines about others may share it, too.", |row| Value::Int(asg_core::correlate::packet_key(row.packet).cast_signed());
    packet_text_key: Long, OnRequest, "A digest of the packet's text, which lines that repeat it share.", |row| Value::Int(asg_core::correlate::packet_text_key(row.record).cast_signed());
    flow_id: Text, OnRequest, "Of flows, an identifier of the packet, whichever way it came: 32 hexadecimal digits.", |row| row.flow.map(|flow| Cow::Owned(FlowId::of(flow, row.source).to_string()));
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

/// Cloud Controller's GUID of a process, which is the part of Diego's before the version.
pub(super) fn cc_process(process: &ProcessName) -> Value<'static> {
    let whole = process.guid().map(|guid| guid.to_string());
    whole.map_or(Value::Null, |whole| Value::Text(whole.chars().take(36).collect()))
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
    fn protocol<'v>(&self, proto: Option<&'v Proto>) -> Value<'v> {
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
    fn address(&self, address: Option<Address>) -> Value<'static> {
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

    fn explanation(&self) -> Option<&'r Explanation> {
        self.explained.map(|explained| &*explained.explanation)
    }

    fn by(&self) -> Option<&'r By> {
        self.explanation()?.by.as_ref()
    }

    /// Returns the rule that decided, or the first of those that may have.
    fn by_rule(&self) -> Option<&'r RuleRef> {
        match self.by()? {
            By::Rule(rule) => Some(rule),
            By::AnyOf(rules) => rules.first(),
            By::Other(_) => None,
        }
    }

    fn near(&self) -> Option<&'r NearMiss> {
        self.explanation()?.near.first()
    }

    fn time_error(&self) -> Value<'static> {
        let of_known = || self.known.and_then(|known| known.range);
        let range = self.flow.map_or_else(of_known, |flow| flow.range);
        let millis = range.zip(self.time).and_then(|(range, time)| range.millis_around(time));
        millis.map_or(Value::Null, |millis| Value::Millis(millis.into()))
    }

    fn attribution(&self) -> Option<&'r Attribution<'r>> {
        self.flow.map(|flow| &flow.attribution)
    }

    fn container(&self) -> Option<Lifetime<'r>> {
        self.attribution()?.container()
    }

    fn cc_process(&self) -> Value<'static> {
        let process = self.attribution().and_then(Attribution::process);
        process.map_or(Value::Null, cc_process)
    }

    fn identity(&self) -> Option<&'r Identity> {
        self.flow?.identity
    }

    fn app_guid(&self) -> Option<Cow<'r, str>> {
        Some(match self.flow?.app()? {
            Cow::Borrowed(app) => Cow::Borrowed(&*app.guid),
            Cow::Owned(app) => Cow::Owned(app.guid),
        })
    }

    fn names_then(&self) -> NamesThen<'r> {
        let of_known = || self.known.map_or_else(NamesThen::default, KnownFlow::names_then);
        self.flow.map_or_else(of_known, Flow::names_then)
    }

    const fn is_flow(&self) -> bool {
        self.flow.is_some() || self.known.is_some()
    }

    fn evidence(&self) -> Option<Origin> {
        self.attribution()?.evidence().into_iter().next()
    }

    fn nested(&self) -> Option<&Ip<'r>> {
        self.packet.ip.nested.as_deref()
    }

    fn cell(&self) -> Value<'_> {
        let Envelope { instance, job, index, host, .. } = &self.record.envelope;
        match (instance, job, index, host) {
            (Some(instance), ..) => (*instance).into(),
            (_, Some(job), Some(index), _) => Value::Text(Cow::Owned(format!("{job}/{index}"))),
            (.., Some(host)) => (*host).into(),
            _ => self.flow.and_then(|flow| flow.cell.as_deref()).map(Cow::Borrowed).into(),
        }
    }

    fn flags(&self) -> Value<'static> {
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

fn codes<T: Code>(codes: Codes<T>) -> Cow<'static, str> {
    let words: Vec<_> = codes.iter().map(|code| code.to_string()).collect();
    Cow::Owned(words.join(" "))
}

fn borrowed(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(|text| Cow::Borrowed(&**text))
}

impl<'r, T: Into<Value<'r>>> From<Option<T>> for Value<'r> {
    #[inline]
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

macro_rules! value_from {
    ($($of:ty => |$x:ident| $value:expr),* $(,)?) => {$(
        impl<'r> From<$of> for Value<'r> {
            #[inline]
            fn from($x: $of) -> Self { $value }
        }
    )*};
}

value_from! {
    Cow<'r, str> => |text| Value::Text(text),
    &'static str => |word| Value::Word(word),
    Text<'r> => |text| Value::Raw(text.as_bytes()),
    &'r dyn Display => |shown| Value::Shown(shown),
    Address => |address| if address == Address::Blank { Value::Word("") } else { Value::Address(address) },
    MacAddr => |mac| Value::Mac(mac),
    bool => |flag| Value::Bool(flag),
    u8 => |n| Value::Int(n.into()),
    u16 => |n| Value::Int(n.into()),
    u32 => |n| Value::Int(n.into()),
    u64 => |n| Value::Int(i64::try_from(n).unwrap_or(i64::MAX)),
    usize => |n| Value::Int(i64::try_from(n).unwrap_or(i64::MAX)),
    Timestamp => |time| Value::Time(time),
    &'r [u8] => |bytes| Value::Bytes(bytes),
}

impl Value<'_> {
    /// Writes the value as text; nothing for bytes.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn write_text(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Raw(raw) => out.write_str(&String::from_utf8_lossy(raw)),
            Self::Text(text) => out.write_str(text),
            Self::Word(text) => out.write_str(text),
            Self::Shown(shown) => write!(out, "{shown}"),
            Self::Address(address) => write!(out, "{address}"),
            Self::Mac(mac) => write!(out, "{mac}"),
            Self::Int(n) => write!(out, "{n}"),
            Self::Bool(flag) => write!(out, "{flag}"),
            Self::Time(time) => write!(out, "{time}"),
            Self::Millis(n) if n % 1_000 == 0 => write!(out, "{}", n / 1_000),
            Self::Millis(n) => {
                let text = format!("{}.{:03}", n / 1_000, n % 1_000);
                out.write_str(text.trim_end_matches('0'))
            }
            Self::Null | Self::Bytes(_) => Ok(()),
        }
    }

    /// Returns the value as people read it, if there is one.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            value => {
                let mut text = String::new();
                let _ = value.write_text(&mut text);
                Some(text)
            }
        }
    }
}
