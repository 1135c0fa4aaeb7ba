//! The columns: names, types, meanings, and how a row fills them. Documentation, Arrow schemas,
//! Spark DDL and filters are made from this one list.
//!
//! Every consumer takes these types, Spark being the narrowest: signed integers, text, binary,
//! booleans and microseconds in UTC.

use std::borrow::Cow;
use std::fmt::Display;

use arrow_schema::{Field, Schema};
use asg_core::ledger::Attribution;
use asg_core::names::AppState;
use asg_core::policy::{By, Code, Codes, Decided, Outcome, Phase};
use asg_core::siem::FlowId;
use asg_core::{Error, Verdict};

use super::cells::Cells;
use super::csv_cells::CsvCells;
use super::row::{KnownRow, ReadRow, Row};
use super::value::{Kind, Value};

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
    pub(super) get: for<'r> fn(&'r ReadRow<'_>) -> Value<'r>,
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

fn codes<T: Code>(codes: Codes<T>) -> Cow<'static, str> {
    let words: Vec<_> = codes.iter().map(|code| code.to_string()).collect();
    Cow::Owned(words.join(" "))
}

fn borrowed(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(|text| Cow::Borrowed(&**text))
}
