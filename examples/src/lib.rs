//! What the programs `parse` and `correlate` share: reading logs, options, names, and how a run ends.
//!
//! The programs are small. What they do is done by `asg-core` and `asg-cc-client`; read their sources to see how the
//! crates are used, and the programs in `examples/examples`, which teach one thing each.
#![forbid(unsafe_code)]

pub mod blocks;
pub mod counting;
pub mod demo;
pub mod input;
pub mod progress;

pub use asg_cli::{missing, names, report, summary, table, time};

/// The README's Rust is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
