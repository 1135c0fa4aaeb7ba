//! Why packets were allowed or denied: policy answers about logs and about hypothetical packets.
//!
//! | module | what it does |
//! |---|---|
//! | [`PolicySources`] | reads security groups and settings from files |
//! | [`FlowFacts`] | turns a [`Flow`](asg_core::Flow) into [`PacketFacts`](asg_core::policy::PacketFacts) |
//! | [`FlowExplainer`] | explains flows, on one thread |
//! | [`ExplainWriter`] | writes one JSON object for each flow |
//! | [`Words`] | writes answers as sentences |
//! | [`Question`] | reads a packet from the command line |
//!
//! ```
//! use asg_cli::explain::{ExplainWriter, FlowExplainer, FlowFacts};
//! use asg_core::policy::{Policy, Settings, Snapshot};
//! use asg_core::{Gathering, Line, Origin, SourceId};
//!
//! let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[]}"#;
//! let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
//! let text = b"2026-03-01T12:30:00+00:00 cell kernel: [1.500000] DENY_bfce786c-ab07-40ad-79f9 \
//!     IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=10.0.0.1 LEN=60 TOS=0x00 PREC=0x00 TTL=63 \
//!     ID=1 DF PROTO=TCP SPT=4 DPT=80 WINDOW=1 RES=0x00 SYN URGP=0 ";
//! let origin = Origin { source: SourceId(0), line: 1 };
//! let mut gathering = Gathering::new();
//! gathering.ingest(origin, text);
//! let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(())).unwrap();
//! let correlation = gathered.correlate();
//!
//! let facts = FlowFacts::new(&correlation, &policy);
//! let mut explainer = FlowExplainer::new(&policy, facts.into());
//! let line = Line::new(text);
//! let flow = correlation.reader().flow(origin, &line).unwrap();
//! let mut writer = ExplainWriter::new(None);
//! writer.add(&flow, &explainer.explain(&flow));
//! let answer: serde_json::Value = serde_json::from_slice(&writer.take()).unwrap();
//! assert_eq!((&answer["observed"], &answer["by"]), (&"denied".into(), &"default".into()));
//! assert_eq!(answer["because"][1]["code"], "phase_unknown");
//! # Ok::<(), asg_core::Error>(())
//! ```

mod decided;
mod facts;
mod lost;
mod question;
mod sources;
mod whole;
mod words;
mod writer;

pub use decided::DecidedRules;
pub use facts::{Explained, FlowExplainer, FlowFacts, probe};
pub use lost::LinesLost;
pub(crate) use lost::span;
pub use question::Question;
pub use sources::{Loaded, PolicySources, SettingsSource, is_snapshot};
pub(crate) use whole::OfWhole;
pub use words::Words;
pub(crate) use words::{certainty, log_line};
pub use writer::{ExplainWriter, explain_object};
