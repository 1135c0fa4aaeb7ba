//! Reads the log lines of Linux' packet logger and of Cloud Foundry's Diego, and tells which container sent a packet.
#![forbid(unsafe_code)]

mod attribution;
mod error;
mod evidence;
mod guid;
mod identity;
mod ledger;
mod lines;
mod packet;
mod prefix;
mod text;
mod time;

pub use attribution::{Attribution, Certainty, Owners, Reason};
pub use error::Error;
pub use evidence::{Evidence, Moment, Origin, ProcessName, SourceId};
pub use guid::{Guid, GuidPrefix, Handle, HandlePrefix, ProcessGuid};
pub use identity::{AppState, Entity, Identity};
pub use ledger::{Ledger, Lifetime};
pub use lines::{Lines, RawLine};
pub use packet::{
    Address, ExtHeader, Family, Format, Icmp, Ip, Lenient, LineForm, MacAddr, Network, Packet,
    PacketBuf, Proto, TcpFlags, Transport,
};
pub use prefix::{Direction, LogPrefix, Plane, Subject, Verdict};
pub use text::Text;
pub use time::{Timestamp, Uptime};
