//! The questions that logs can and cannot answer, and the next command to type.
//!
//! [`Facts`] are counted over all lines and all flows; [`findings`](Facts::findings) are the
//! sentences about them. The hints of other commands are the same sentences.

mod facts;
mod findings;

pub(crate) use facts::{Facts, FlowFacts};
pub(crate) use findings::{Finding, Given, hints};
