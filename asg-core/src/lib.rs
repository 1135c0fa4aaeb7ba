//! Reads the log lines of Linux' packet logger and of Cloud Foundry's Diego, and tells which
//! container sent a packet.
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
pub use clock::{KnownTimes, TimeNote, UptimeClocks, When};
pub use completeness::{CellReport, Completeness, Limit, LimitReport, LogLimits};
pub use correlate::flow::{Flow, FlowKey, Peer};
pub use correlate::follower::{Follower, FollowerCounts, FollowerOptions};
pub use correlate::output::FlowOutput;
pub use correlate::owned::{
    AppBuf, AttributionBuf, ContainerBuf, EntityBuf, FlowBuf, OwnerBuf, PeerBuf, PlaceBuf,
};
pub use correlate::{
    Batch, Correlation, Counted, Counts, FlowCache, FlowReader, Gathered, Gatherer, Gathering,
    Joiner, MisplacedBatch,
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
