//! The library of the program `asglog`: logs as files, filtered tables of packets and flows,
//! answers about them, and outputs.
//!
//! # Overview
//!
//! `asg-core` has no I/O, and `asg-cc-client` has the Cloud Controller. This crate opens whatever
//! holds logs, goes over them on all processors in constant memory, and gives rows: to your code,
//! as Arrow record batches, or as tables, CSV, Parquet and JSON. The program is a thin layer above
//! it.
//!
//! # Entry points
//!
//! [`Query::packets_of`](query::Query::packets_of) and
//! [`Query::flows_of`](query::Query::flows_of) make tables of files.
//! [`program::main`] is the whole program, for another executable.
//!
//! # Quick start
//!
//! ```
//! use asg_cli::query::{Given, Query};
//!
//! let flows = Query::flows_of(["data/article.log", "data/foundation.log"])
//!     .filter("verdict", vec![Given::Text("denied".into())])?
//!     .select(&["time", "handle", "dst", "dpt"])?;
//! let batches = flows.batches().collect::<Result<Vec<_>, _>>()?;
//! assert!(batches.iter().any(|batch| batch.num_rows() > 0));
//! # Ok::<(), asg_cli::error::Error>(())
//! ```
//!
//! The [`guide`] has whole programs, chapter by chapter.
//!
//! # Which module do I want?
//!
//! | you want | use |
//! |---|---|
//! | rows of files, filtered, with chosen columns | [`query::Query`] |
//! | the largest senders, a timeline, new destinations, denied episodes | [`answers`] |
//! | the owner of a handle or an address | [`who`] |
//! | why packets were allowed or denied | [`explain`] |
//! | files, folders, archives and pipes, opened and decompressed | [`input`], [`blocks`], [`lines`] |
//! | flows of your own sources | [`flows`] |
//! | tables, summaries, CSV, Parquet, metrics | [`output`] |
//! | answers with the lines that prove them, and their verification | [`bundle`] |
//! | saved ledgers | [`ledger_file`] |
//! | names and verdicts of the caller's | [`labels`] |
//! | directories and times from options | [`names`], [`time`] |
//! | pieces of sources to threads, and results in order | [`pipeline`] |
//! | progress, errors, exit status | [`monitor`], [`error`], [`report`] |
//! | the commands themselves | [`program`] |
//!
//! # Who calls whom
//!
//! [`program`] reads options and makes a [`query::Query`]; that asks [`flows`] for evidence, once,
//! and the [`pipeline`] for rows, which come in the order of the lines on any number of threads.
//! There is one way from a line to a flow, and every output goes it.
//!
//! # What must be kept alive
//!
//! A row borrows from the log while it is read. Copy what you keep, or take
//! [`Query::batches`](query::Query::batches). A [`query::Query`] is cheap to clone, and clones
//! share the evidence.
//!
//! # What reads files
//!
//! [`input`] opens logs, [`ledger_file`] ledgers, [`labels`] and [`explain`] small files of the
//! caller's; [`output`] writes, and never leaves a half-written file under its name. A finished log
//! is read twice through one descriptor, so rotation does not matter.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `parquet` | yes | Parquet out and in; without it the program is half as large |
//!
//! # Errors
//!
//! [`error::Error`] names the file. A log that cannot be read, and names that are missing, do not
//! end the work: the [`monitor`] gets a sentence, and the [`report`] an exit status.
#![forbid(unsafe_code)]

pub mod answers;
pub mod blocks;
pub mod bundle;
mod check;
pub mod error;
pub mod explain;
pub mod flows;
mod follow;
pub mod guide;
mod in_use;
pub mod input;
pub mod labels;
pub mod ledger_file;
pub mod lines;
pub mod lock;
pub mod monitor;
pub mod names;
pub mod nearest;
pub mod origins;
pub mod output;
mod page;
mod pieces;
pub mod pipeline;
pub mod program;
pub mod query;
pub mod redact;
mod repeat;
pub mod report;
pub mod search;
pub mod time;
mod uncounted;
pub mod who;

/// The README's programs are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
