//! Small tables in the chosen format, and Parquet if the build has it.

use std::path::Path;

use super::look;
use super::options::Options;
use crate::answers::Grid;
use crate::output::format::Format;
use crate::output::{Out, csv, grid};
use crate::query::Query;
use crate::report::Failure;

/// Writes a small table to the chosen output.
pub(super) fn show(found: &Grid, options: &Options) -> Result<(), Failure> {
    if let (Format::Parquet, Some(path)) = (options.format, options.output.as_deref()) {
        return grid_to_parquet(found, path);
    }
    let mut out = Out::new(options.output.as_deref())?;
    match options.format {
        Format::Ndjson => grid::write_ndjson(found, &mut out)?,
        Format::Csv => csv::write_grid(found, options.formulas, &mut out)?,
        _ => grid::write_table(found, &look(options), &mut out)?,
    }
    Ok(out.finish()?)
}

#[cfg(feature = "parquet")]
fn grid_to_parquet(found: &Grid, path: &Path) -> Result<(), Failure> {
    let batch = found.batch();
    Ok(crate::output::parquet::write(batch.schema(), [Ok(batch)], path)?)
}

#[cfg(feature = "parquet")]
pub(super) fn query_to_parquet(query: &Query, path: &Path) -> Result<(), Failure> {
    Ok(crate::output::parquet::write_query(query, path)?)
}

#[cfg(not(feature = "parquet"))]
fn grid_to_parquet(_: &Grid, _: &Path) -> Result<(), Failure> {
    Err(without_parquet())
}

#[cfg(not(feature = "parquet"))]
pub(super) fn query_to_parquet(_: &Query, _: &Path) -> Result<(), Failure> {
    Err(without_parquet())
}

#[cfg(not(feature = "parquet"))]
fn without_parquet() -> Failure {
    Failure::Usage("this build of asglog writes no Parquet".into())
}
