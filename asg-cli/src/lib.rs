//! The library of the program `asglog`: logs as files, filtered tables of packets and flows,
//! answers about them, and outputs.
//!
//! | room | what |
//! |---|---|
//! | [`input`], [`blocks`], [`lines`] | files and other sources, opened and decompressed; their lines |
//! | [`query`] | rows with chosen columns, filtered, as Arrow record batches |
//! | [`flows`] | evidence of all sources, and the flows that follow from it |
//! | [`answers`], [`who`] | small tables made from all rows; owners and containers |
//! | [`explain`] | why packets were allowed or denied |
//! | [`pipeline`] | pieces of sources to threads, and results in order |
//! | [`output`], [`ledger_file`] | tables, summaries, CSV, Parquet, saved ledgers |
//! | [`names`], [`time`] | options about directories and times |
//! | [`monitor`], [`error`], [`report`] | progress, errors, exit status |
//! | [`program`] | the commands |
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
#![forbid(unsafe_code)]

pub mod answers;
pub mod blocks;
mod check;
pub mod error;
pub mod explain;
pub mod flows;
mod follow;
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
mod pieces;
pub mod pipeline;
pub mod program;
pub mod query;
mod repeat;
pub mod report;
pub mod search;
pub mod time;
pub mod who;
