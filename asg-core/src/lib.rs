//! Reads the log lines of Linux' packet logger and of Cloud Foundry's Diego, and tells which container sent a packet.
#![forbid(unsafe_code)]

mod app_log;
mod attribution;
mod clock;
mod completeness;
mod correlator;
mod decoder;
mod digest;
mod digits;
mod directory;
pub mod documents;
mod envelope;
mod error;
mod evidence;
mod flow;
mod follower;
mod guid;
mod identity;
mod json;
mod lager;
mod ledger;
mod line;
mod lines;
mod near;
mod packet;
mod prefix;
mod record;
pub mod rules;
mod text;
mod time;

pub use attribution::{Attribution, Certainty, Owners, Reason};
pub use clock::{TimeRange, UptimeClocks};
pub use completeness::{CellReport, Completeness, Limit, LimitReport, LogLimits};
pub use correlator::{Correlator, Counted, Counts, Tally, TallyReader, TallyReading};
pub use decoder::{Decoded, Decoder, Diagnostic, DiagnosticKind, DiagnosticSink};
pub use directory::{Directory, DirectoryFn, NoDirectory, directory_fn};
pub use envelope::{Dialect, Envelope};
pub use error::Error;
pub use evidence::{Evidence, Moment, Origin, ProcessName, SourceId};
pub use flow::{Flow, FlowOutput, Peer};
pub use follower::{FlowSink, Follower, FollowerCounts, FollowerOptions};
pub use guid::{Guid, GuidPrefix, Handle, HandlePrefix, ProcessGuid};
pub use identity::{AppState, Entity, Identity};
pub use json::JsonStr;
pub use lager::{LagerEvent, LoggerEvent, Names, RepEvent, RepEventKind};
pub use ledger::{AppNames, Ledger, LedgerError, Lifetime, Sighting};
pub use line::Line;
pub use lines::{Lines, RawLine};
pub use packet::{
    Address, ExtHeader, Family, Format, Icmp, Ip, Lenient, LineForm, MacAddr, Network, Packet,
    PacketBuf, Proto, TcpFlags, Transport,
};
#[cfg(any(test, feature = "reference"))]
#[doc(hidden)]
pub use packet::{generator, reference};
pub use prefix::{Direction, LogPrefix, Plane, Subject, Verdict};
pub use record::{Content, Damaged, Part, Record, RecordOutput};
pub use text::Text;
pub use time::{Civil, LogTime, Resolved, TimePolicy, TimeQuality, Timestamp, Uptime, YearPolicy};
