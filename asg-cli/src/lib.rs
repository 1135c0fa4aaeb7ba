//! What the command lines share, Rust's `parse` and `correlate` and Python's `asglog`: options, names, how a run ends, and
//! flows as people read them.
#![forbid(unsafe_code)]

pub mod missing;
pub mod names;
pub mod report;
pub mod summary;
pub mod table;
pub mod time;
