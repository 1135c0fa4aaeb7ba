//! Outputs: tables and summaries for people, CSV and Parquet for programs, and the files they go
//! to.

pub(crate) mod column_table;
pub mod csv;
pub mod flow_row;
pub mod flow_table;
pub(crate) mod format;
pub mod grid;
pub(crate) mod metrics;
pub mod missing;
pub mod ndjson;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod sources;
pub mod summary;
pub mod table;
pub mod zone;

mod new_file;
mod out;

pub use new_file::{NewFile, NewFolder, remove_unfinished};
pub use out::Out;
