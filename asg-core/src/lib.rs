//! Parses the log lines of Linux' packet logger and of Cloud Foundry's Diego, and attributes each
//! packet to the container that sent it.
//!
//! # Overview
//!
//! Cloud Foundry can log the packets that its security groups allow or deny. Such a line has two
//! addresses and the beginning of a container's name, and no app. This crate parses those lines and
//! the lines of the programs that start containers, joins them as of the time of the packet, and
//! grades each answer. Bytes go in, values come out: it opens no file, asks no clock, reads no
//! environment and has no `unsafe` code.
//!
//! # Quick start
//!
//! A line becomes a [`Record`]:
//!
//! ```
//! use asg_core::{Content, Line, Record, Verdict};
//!
//! let line = Line::new(
//!     b"<4>1 2024-05-06T07:09:12Z 10.0.16.15 kernel - - - [  639.014210] \
//!       DENY_2d7e64b1-95c0-4f18-6a3b IN=s-010255073004 OUT=eth0 SRC=10.255.73.4 \
//!       DST=203.0.113.25 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=40222 \
//!       DPT=5432 WINDOW=28280 RES=0x00 SYN URGP=0 ",
//! );
//! let record = Record::read(&line);
//! let Content::Packet { packet, cf: Some(cf) } = &record.content else { panic!("a packet") };
//! assert_eq!((packet.ip.dpt, cf.verdict), (Some(5432), Verdict::Denied));
//! assert_eq!(cf.handle_prefix.unwrap().as_str(), "2d7e64b1-95c0-4f18-6a3b");
//! ```
//!
//! Many lines become flows, which are packets with their owners. All lines are read for evidence
//! first, and then again for packets:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use asg_core::{Certainty, Gathering, Line, NoDirectory, Origin, SourceId};
//!
//! let log: [&[u8]; 2] = [
//!     b"[  639.014210] DENY_2d7e64b1-95c0-4f18-6a3b IN=s-010255073004 OUT=eth0 SRC=10.255.73.4 \
//!       DST=203.0.113.25 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=40222 DPT=5432 \
//!       WINDOW=28280 RES=0x00 SYN URGP=0 ",
//!     br#"{"timestamp":"1714979294.03","source":"rep","message":"rep.executing-container-operation.starting",
//!          "log_level":1,"data":{"container-guid":"2d7e64b1-95c0-4f18-6a3b-c4d2","lrp-key":{"process_guid":
//!          "d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6-5b7d9e1f-2c4a-4d68-a0b3-c5e7f9012345","index":1,"domain":"cf-apps"}}}"#,
//! ];
//! let origin = |line| Origin { source: SourceId(0), line };
//! let mut gathering = Gathering::new();
//! for (line, text) in (1..).zip(log) {
//!     gathering.read(origin(line), text);
//! }
//! let mut gathered = gathering.finish(|joiner| {
//!     for (line, text) in (1..).zip(log) {
//!         joiner.look(origin(line), text);
//!     }
//!     Ok::<(), Infallible>(())
//! })?;
//! gathered.resolve(&mut NoDirectory)?;
//! let correlation = gathered.correlate();
//! let line = Line::new(log[0]);
//! let flow = correlation.reader().flow(origin(1), &line).map(|flow| {
//!     let container = flow.attribution.container();
//!     (flow.attribution.certainty, container.and_then(|container| container.index()))
//! });
//! assert_eq!(flow, Some((Certainty::UniquePrefix, Some(1))));
//! # Ok::<(), Infallible>(())
//! ```
//!
//! # Which type do I want?
//!
//! | you have | you want | use |
//! |---|---|---|
//! | one line | its fields | [`Line`], then [`Record::read`] (never fails) or [`Record::parse`] (strict) |
//! | many lines of one log | fields, fast | [`Reader`], which remembers headers |
//! | a [`BufRead`](std::io::BufRead) | an iterator of records that own their lines | [`records`], [`RecordBuf`] |
//! | bytes in pieces | lines | [`Lines`]; [`LogLines`] where documents span lines |
//! | bytes in pieces | records and counted diagnostics | [`Decoder`] |
//! | the text behind a header | a packet alone | [`Packet::parse`], [`Packet::parse_lenient`], [`PacketBuf`] |
//! | finished logs | flows | [`Gathering`] → [`Gathered`] → [`Correlation`] |
//! | growing logs | flows, some seconds later | [`Follower`] |
//! | flows | something to keep, send or save | [`FlowBuf`], which reads back the JSON contract |
//! | evidence | answers after the logs are gone | [`Ledger`] |
//! | GUIDs | names | [`Directory`]; the crate `asg-cc-client` has a live one |
//! | security groups | why a packet was denied | [`policy`] |
//! | flows | ECS, OCSF, OTLP, CEF, CIM | `siem` (feature `siem`) |
//!
//! # Who calls whom
//!
//! ```text
//! bytes ─ Lines ─ Line ─ Record ─┬─ Packet + LogPrefix ──────────────────────┐
//!                                └─ RepEvent ─ Evidence ─ Ledger ─ Attribution ─ Flow
//!                                                          Directory ─ Identity ─┘
//! ```
//!
//! Your program reads bytes and calls this crate. This crate calls you in three places: the
//! [`Directory`] for names, the closure that takes flows, and the [`DiagnosticSink`] for what went
//! wrong. Each may end the work.
//!
//! # What must be kept alive
//!
//! * A [`Record`] borrows from its [`Line`], and a line from its bytes. [`RecordBuf`] and
//!   [`PacketBuf`] own their text and parse it again.
//! * A [`Flow`] borrows from the line, the record and the [`Correlation`]. Keep a [`FlowBuf`].
//! * An [`Attribution`] and a [`Lifetime`] borrow from their [`Ledger`].
//! * An [`Origin`] is a source's number and a line's. You choose the numbers; both phases need the
//!   same.
//!
//! # What reads files
//!
//! Nothing here. The crate `asg-cli` opens files, folders, archives and compressed logs, and has a
//! guide (`asg_cli::guide`) whose chapters are whole programs. Short ones are in the repository's
//! `examples`.
//!
//! # Concepts
//!
//! * **Handle**: the name of a container. A packet's prefix shows the beginning of one
//!   ([`HandlePrefix`]).
//! * **Evidence**: one fact from one line about one container ([`Evidence`]). The [`Ledger`] keeps
//!   facts by minimum, maximum and union, so order never matters.
//! * **Certainty**: [`Certainty::Exact`] and [`Certainty::UniquePrefix`] are proven, an inferred
//!   answer rests on an address lease, and [`Reason`] has the cause of every answer.
//! * **Time**: a stamp is a bound and not a point ([`TimeRange`]); [`UptimeClocks`] learns from
//!   lines that show uptime and stamp. Other lines, or a [`TimePolicy`], complete a stamp without a
//!   year or a zone.
//! * **Proof**: only the platform's lines are evidence. [`Role`] is the writer of a line, and
//!   [`Proof`] its rights.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `siem` | no | the module `siem`: flows as the records of other standards, and flow ids |
//! | `reference` | no | a second, slow reader of packet lines, for tests. Not part of the interface |
//!
//! # Errors
//!
//! Reading does not fail: a line that is cut or malformed is [`Content::Damaged`] with an
//! [`Error`], which has a byte offset and a reason. The strict functions return that [`Error`].
//! [`LedgerError`] refuses a saved ledger that is damaged. A directory has errors of its own, which
//! come out as they are. Nothing panics on input.
#![forbid(unsafe_code)]

mod bytes;
mod clock;
mod completeness;
mod correlate;
mod error;
mod event;
mod evidence;
mod guid;
mod ledger;
mod line;
mod names;
mod packet;
pub mod policy;
mod prefix;
mod record;
#[cfg(feature = "siem")]
pub mod siem;
mod time;

pub use bytes::escape::{escape_name, escape_text};
pub use bytes::json::JsonStr;
pub use bytes::text::Text;
#[cfg(feature = "work")]
#[doc(hidden)]
pub use bytes::work;
pub use clock::{ClocksError, KnownTimes, TimeNote, UptimeClocks, When};
pub use completeness::{CellReport, Completeness, Limit, LimitReport, LogLimits};
pub use correlate::flow::{Flow, FlowKey, Peer};
pub use correlate::follower::{Follower, FollowerCounts, FollowerOptions};
pub use correlate::output::FlowOutput;
pub use correlate::owned::{
    AppBuf, AttributionBuf, ContainerBuf, EntityBuf, FlowBuf, OwnerBuf, PeerBuf, PlaceBuf,
};
pub use correlate::{
    AnyFlow, Batch, Correlation, Counted, Counts, FlowCache, FlowReader, Gathered, Gatherer,
    Gathering, Joiner, KnownFlow, MisplacedBatch, logged_packet, packet_key, packet_text_key,
};
pub use error::Error;
pub use event::Moment;
pub use event::lager::{LagerEvent, LoggerEvent, RepEvent, RepEventKind};
pub use evidence::{Evidence, Interface, NameKind, Origin, SourceId};
pub use guid::{Guid, GuidPrefix, Handle, HandlePrefix, ProcessGuid, ProcessName};
pub use ledger::attribution::{Attribution, Certainty, Conflict, MOST_CANDIDATES, Owners, Reason};
pub use ledger::{AppNames, Ledger, LedgerError, Lifetime, Sighting};
pub use line::Line;
pub use line::envelope::role::{Proof, Role};
pub use line::envelope::{Dialect, Envelope};
pub use line::gather::{DocumentLines, LogLines, unfinished_document};
pub use line::split::{Lines, RawLine};
pub use line::transcode::Transcoder;
pub use names::Names;
pub use names::deferred::{Deferred, Unanswered};
pub use names::directory::{Directory, DirectoryFn, NoDirectory, directory_fn};
pub use names::history::{NameHistory, NameTimeline, NamesThen, Naming};
pub use names::identity::{AppState, Entity, Identity, Workload};
pub use packet::{
    Address, ExtHeader, Family, Format, Icmp, Ip, Lenient, LineForm, MacAddr, Network, Packet,
    PacketBuf, Proto, TcpFlags, Transport,
};
#[cfg(any(test, feature = "reference"))]
#[doc(hidden)]
pub use packet::{generator, reference};
pub use prefix::{Direction, LogPrefix, Plane, Subject, Verdict};
pub use record::decoder::{Decoded, Decoder, Diagnostic, DiagnosticKind, DiagnosticSink};
pub use record::documents;
pub use record::outcome::{Outcome, OutcomeCounts, Outcomes};
pub use record::owned::{RecordBuf, Records, records};
pub use record::reader::Reader;
pub use record::{Content, Damaged, Part, Record, RecordOutput};
pub use time::{
    Civil, LogTime, Resolved, TimePolicy, TimeQuality, TimeRange, Timestamp, Uptime, YearPolicy,
};

/// The README's programs are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
