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
//! # Entry points
//!
//! | you have | begin with |
//! |---|---|
//! | one line | [`Record::classify`] |
//! | a log to read, line by line | [`records`] |
//! | finished logs, and a question about owners | [`Gathering`] |
//! | logs that are being written | [`Follower`] |
//! | security groups | [`Policy`] |
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
//! let record = Record::classify(&line);
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
//!     gathering.ingest(origin(line), text);
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
//! | you have | you want | use | module |
//! |---|---|---|---|
//! | one line | its fields | [`Line`], then [`Record::classify`] (never fails) or [`Record::parse`] (strict) | [`record`] |
//! | many lines of one log | fields, fast | [`Reader`], which remembers headers | [`record`] |
//! | a [`BufRead`](std::io::BufRead) | an iterator of records that own their lines | [`records`], [`RecordBuf`] | [`record`] |
//! | bytes in pieces | lines | [`Lines`]; [`LogLines`] where documents span lines | [`line`](mod@line) |
//! | bytes in pieces | records and counted diagnostics | [`Decoder`] | [`record`] |
//! | the text behind a header | a packet alone | [`Packet::parse`], [`Packet::parse_lenient`], [`PacketBuf`] | [`packet`] |
//! | a log prefix | its meaning | [`LogPrefix`] | [`prefix`] |
//! | a JSON line of a component | its event | [`LagerEvent`] | [`event`] |
//! | finished logs | flows | [`Gathering`] → [`Gathered`] → [`Correlation`] | [`correlate`] |
//! | growing logs | flows, some seconds later | [`Follower`] | [`correlate`] |
//! | flows | something to keep, send or save | [`FlowBuf`], which reads back the JSON contract | [`correlate`] |
//! | facts about containers | answers after the logs are gone | [`Evidence`], [`Ledger`] | [`evidence`], [`ledger`] |
//! | GUIDs | names | [`Directory`]; the crate `asg-cc-client` has a live one | [`names`] |
//! | stamps and uptimes | instants with bounds | [`Timestamp`], [`UptimeClocks`] | [`time`], [`clock`] |
//! | counts | what is missing from them | [`Completeness`] | [`completeness`] |
//! | security groups | why a packet was denied | [`Policy`] | [`policy`] |
//! | flows | ECS, OCSF, OTLP, CEF, CIM | [`Flow`] (feature `siem`) | `siem` |
//!
//! The names that a first program needs are here at the root, too.
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
//! | `jiff` | no | conversions between [`Timestamp`] and `jiff::Timestamp` |
//! | `siem` | no | the module `siem`: flows as the records of other standards, and flow ids |
//! | `reference` | no | a second, slow reader of packet lines, for tests. Not part of the interface |
//! | `work` | no | a count of the steps of look-ups, for tests. Not part of the interface |
//!
//! # Errors
//!
//! Reading does not fail: a line that is cut or malformed is [`Content::Damaged`] with an
//! [`Error`], which has a byte offset and a reason. The strict functions return that [`Error`].
//! [`LedgerError`] refuses a saved ledger that is damaged. A directory has errors of its own, which
//! come out as they are. Nothing panics on input.
//!
//! [`Attribution`]: ledger::Attribution
//! [`Completeness`]: completeness::Completeness
//! [`Content::Damaged`]: record::Content::Damaged
//! [`DiagnosticSink`]: record::DiagnosticSink
//! [`Evidence`]: evidence::Evidence
//! [`Gathered`]: correlate::Gathered
//! [`HandlePrefix`]: guid::HandlePrefix
//! [`LagerEvent`]: event::LagerEvent
//! [`LedgerError`]: ledger::LedgerError
//! [`Lifetime`]: ledger::Lifetime
//! [`LogLines`]: line::LogLines
//! [`LogPrefix`]: prefix::LogPrefix
//! [`PacketBuf`]: packet::PacketBuf
//! [`Policy`]: policy::Policy
//! [`Proof`]: line::Proof
//! [`Reason`]: ledger::Reason
//! [`Role`]: line::Role
//! [`TimeRange`]: time::TimeRange
//! [`UptimeClocks`]: clock::UptimeClocks
#![forbid(unsafe_code)]
// What may be added later is decided for each type, and every error and panic is described.
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod bytes;
pub mod clock;
pub mod completeness;
pub mod correlate;
pub mod error;
pub mod event;
pub mod evidence;
pub mod guid;
pub mod ledger;
pub mod line;
pub mod names;
pub mod packet;
pub mod policy;
pub mod prefix;
pub mod record;
#[cfg(feature = "siem")]
pub mod siem;
pub mod time;
mod words;

// What a first program needs. Everything else is in its module.
pub use correlate::{Correlation, Flow, FlowBuf, Follower, Gathering};
pub use error::Error;
pub use evidence::{Origin, SourceId};
pub use guid::Guid;
pub use ledger::{Certainty, Ledger};
pub use line::{Line, Lines};
pub use names::{Directory, Identity, NoDirectory};
pub use packet::Packet;
pub use prefix::Verdict;
pub use record::{Content, Decoder, Reader, Record, RecordBuf, records};
pub use time::{TimePolicy, Timestamp};

/// The README's programs are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
