//! What the command lines share, Rust's `parse` and `correlate` and Python's `asglog`: options, names, how a run ends,
//! flows as people read them, reading logs, and counting them.
//!
//! [`input`] opens a log and [`blocks`] cuts it, for the threads of [`counting`]; [`summary`] and [`missing`] say what was
//! counted.
#![forbid(unsafe_code)]

pub mod blocks;
pub mod counting;
pub mod input;
pub mod missing;
pub mod names;
pub mod report;
pub mod summary;
pub mod table;
pub mod time;
