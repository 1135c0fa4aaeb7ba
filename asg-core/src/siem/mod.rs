//! Flows as the records that security tools take.
//!
//! A [`Flow`] has a method for each: [`Flow::to_ecs`], [`Flow::to_ocsf`], [`Flow::to_otlp`],
//! [`Flow::to_cef`] and [`Flow::to_cim`]. [`RecordLines`] writes one record a line, in the
//! [`Standard`] that it is asked for. [`FlowId`] is the id of a packet, and [`CommunityId`] that of
//! its conversation.
//!
//! One rule decides for all formats which fields carry an identity. Searches join on a container's
//! or an app's id and ignore a certainty beside it. So an identity that is only inferred goes to
//! fields of our own, and the standard's fields have only certain ones.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use asg_core::siem::FlowId;
//! use asg_core::{Gathering, Line, Origin, SourceId};
//!
//! let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 \
//!     LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 LEN=41 ";
//! let at = Origin { source: SourceId(0), line: 1 };
//! let mut gathering = Gathering::new();
//! gathering.ingest(at, packet);
//! let correlation = gathering.finish(|_| Ok::<(), Infallible>(()))?.correlate();
//! let line = Line::new(packet);
//! let flow = correlation.reader().flow(at, &line).unwrap();
//! assert_eq!(FlowId::of(&flow, "kern.log").to_string().len(), 32);
//! # Ok::<(), Infallible>(())
//! ```

// * `facts`: the common parts of all formats: certain owners, addresses, protocol, id
// * `id`: the id of a packet, and its community id
// * `lines`: the writer of all formats: one record a line
// * `ecs`: Elastic Common Schema 9.4.0
// * `ocsf`: OCSF 1.8.0, Network Activity
// * `otlp`: OpenTelemetry logs as OTLP/JSON (semantic conventions 1.44.0)
// * `cef`: the Common Event Format of `ArcSight`
// * `cim`: Splunk's Common Information Model 8.5, Network Traffic

mod cef;
mod cim;
mod ecs;
mod facts;
mod id;
mod lines;
mod ocsf;
mod otlp;
mod quick;

pub use self::cef::Cef;
pub use self::cim::Cim;
pub use self::ecs::Ecs;
use self::facts::Facts;
pub use self::facts::{DestinationName, Rule};
pub use self::id::{CommunityId, FlowId};
pub use self::lines::{RecordBatch, RecordJoiner, RecordLines, Standard};
pub use self::ocsf::Ocsf;
pub use self::otlp::Otlp;
use crate::correlate::flow::Flow;
use crate::time::Timestamp;

/// The time when a log was read, and the version of the program that read it. Standards require
/// both.
///
/// ```
/// use asg_core::siem::Reading;
/// use asg_core::Timestamp;
///
/// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z")?).with_version("1.2.3");
/// assert_eq!(reading.at().to_string(), "2024-05-06T07:10:00Z");
/// assert_eq!(reading.version(), "1.2.3");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading<'r> {
    at: Timestamp,
    version: &'r str,
}

impl Reading<'static> {
    /// Creates a reading at this time by this version of the library.
    ///
    /// ```
    /// # use asg_core::siem::{Reading, RecordLines, Standard};
    /// # use asg_core::Timestamp;
    /// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// assert_eq!(reading.at().to_string(), "2024-05-06T07:10:00Z");
    /// ```
    #[must_use]
    pub const fn new(at: Timestamp) -> Self {
        Self { at, version: env!("CARGO_PKG_VERSION") }
    }
}

impl<'r> Reading<'r> {
    /// Sets the version of the program.
    ///
    /// ```
    /// # use asg_core::siem::{Reading, RecordLines, Standard};
    /// # use asg_core::Timestamp;
    /// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// assert_eq!(reading.with_version("1.2.3").version(), "1.2.3");
    /// ```
    #[must_use]
    pub const fn with_version(self, version: &str) -> Reading<'_> {
        Reading { at: self.at, version }
    }

    /// Returns the time when the log was read.
    ///
    /// ```
    /// # use asg_core::siem::{Reading, RecordLines, Standard};
    /// # use asg_core::Timestamp;
    /// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// assert_eq!(reading.at().to_string(), "2024-05-06T07:10:00Z");
    /// ```
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns the version of the program.
    ///
    /// ```
    /// # use asg_core::siem::{Reading, RecordLines, Standard};
    /// # use asg_core::Timestamp;
    /// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// assert!(!reading.version().is_empty());
    /// ```
    #[must_use]
    pub const fn version(&self) -> &'r str {
        self.version
    }
}

/// Adds to each kind of record the rule that decided.
macro_rules! with_rule {
    ($($record:ident),*) => {$(
        impl<'f> $record<'f> {
            /// Adds the rule that decided. It is left out where it is not certain whose rules
            /// hold, because the owner is not.
            #[must_use]
            pub fn with_rule(self, rule: Option<Rule<'f>>) -> Self {
                Self(self.0.with_rule(rule))
            }
        }
    )*};
}

with_rule!(Ecs, Ocsf, Otlp, Cef, Cim);

/// Each conversion returns `None` for a packet whose log prefix is not Cloud Foundry's: the record
/// would have no verdict. `source` is the name of the log.
impl Flow<'_, '_> {
    /// Converts the flow to an event of the Elastic Common Schema 9.4.0.
    ///
    /// ```
    /// # use asg_core::siem::Reading;
    /// # use asg_core::{Gathering, Line, Origin, SourceId, Timestamp};
    /// let text = b"[  637.582907] DENY_f00dbabe-1234-4bcd-5def IN=s-010255073009 OUT=eth0 \
    ///     SRC=10.255.73.9 DST=192.0.2.99 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=61200 DF \
    ///     PROTO=TCP SPT=44321 DPT=25 WINDOW=64240 RES=0x00 SYN URGP=0 ";
    /// let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// gathering.ingest(at, text);
    /// let correlation = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?.correlate();
    /// let line = Line::new(text);
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    ///
    /// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// let event = serde_json::to_value(flow.to_ecs("kern.log", &reading).unwrap()).unwrap();
    /// assert_eq!(event["event"]["action"], "asg-denied");
    /// assert_eq!(event["destination"]["port"], 25);
    /// assert_eq!(event["container"], serde_json::Value::Null, "nobody is known");
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub fn to_ecs<'f>(&'f self, source: &'f str, reading: &Reading<'f>) -> Option<Ecs<'f>> {
        Facts::of(self, source, *reading).map(Ecs)
    }

    /// Converts the flow to an event of OCSF 1.8.0's class Network Activity.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// # let read_at = asg_core::Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap();
    /// let reading = asg_core::siem::Reading::new(read_at);
    /// let event = flow.to_ocsf("kern.log", &reading).unwrap();
    /// assert_eq!(serde_json::to_value(event).unwrap()["class_uid"], 4001);
    /// ```
    #[must_use]
    pub fn to_ocsf<'f>(&'f self, source: &'f str, reading: &Reading<'f>) -> Option<Ocsf<'f>> {
        Facts::of(self, source, *reading).map(Ocsf)
    }

    /// Converts the flow to an OTLP/JSON request with one log record. [`RecordLines`] writes many
    /// flows in fewer requests.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// # let read_at = asg_core::Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap();
    /// let reading = asg_core::siem::Reading::new(read_at);
    /// let request = flow.to_otlp("kern.log", &reading).unwrap();
    /// assert!(serde_json::to_value(request).unwrap()["resourceLogs"].is_array());
    /// ```
    #[must_use]
    pub fn to_otlp<'f>(&'f self, source: &'f str, reading: &Reading<'f>) -> Option<Otlp<'f>> {
        Facts::of(self, source, *reading).map(Otlp)
    }

    /// Converts the flow to a line of the Common Event Format of `ArcSight`, without a line feed.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// # let read_at = asg_core::Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap();
    /// let reading = asg_core::siem::Reading::new(read_at);
    /// let line = flow.to_cef("kern.log", &reading).unwrap().to_string();
    /// assert!(line.starts_with("CEF:"));
    /// ```
    #[must_use]
    pub fn to_cef<'f>(&'f self, source: &'f str, reading: &Reading<'f>) -> Option<Cef<'f>> {
        Facts::of(self, source, *reading).map(Cef)
    }

    /// Converts the flow to an event of Splunk's data model Network Traffic (CIM 8.5).
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// # let read_at = asg_core::Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap();
    /// let reading = asg_core::siem::Reading::new(read_at);
    /// let event = flow.to_cim("kern.log", &reading).unwrap();
    /// assert_eq!(serde_json::to_value(event).unwrap()["dest_port"], 53);
    /// ```
    #[must_use]
    pub fn to_cim<'f>(&'f self, source: &'f str, reading: &Reading<'f>) -> Option<Cim<'f>> {
        Facts::of(self, source, *reading).map(Cim)
    }
}
