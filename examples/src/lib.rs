//! What the programs `parse` and `correlate` share, beside what they share with Python's `asglog` (`asg-cli`).
//!
//! The programs are small. What they do is done by `asg-core` and `asg-cc-client`; read their sources to see how the
//! crates are used, and the programs in `examples/examples`, which teach one thing each.
#![forbid(unsafe_code)]

pub mod demo;
pub mod progress;

pub use asg_cli::{counting, input, names, report, table, time};

/// The README's Rust is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
