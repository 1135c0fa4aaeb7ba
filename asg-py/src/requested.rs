//! Types that a consumer asks for: they replace the table's own types if nothing is lost.

use arrow_schema::{DataType, Field, Fields, TimeUnit};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::PyField;
use pyo3_arrow::ffi::to_schema_pycapsule;

/// Returns the requested schema, if it has the same columns in the same order and each of its types
/// has room for the column's values. Returns `None` for any other, which means the table's own
/// schema: Arrow's protocol leaves that to the producer.
pub(crate) fn lossless<'py>(
    py: Python<'py>,
    own: &Fields,
    asked: Option<&Bound<'py, PyCapsule>>,
) -> PyResult<Option<Bound<'py, PyCapsule>>> {
    let Some(asked) = asked else { return Ok(None) };
    // Every column has a type that Arrow's crate knows.
    let Ok(asked) = PyField::from_arrow_pycapsule(asked) else { return Ok(None) };
    let asked = asked.into_inner();
    let DataType::Struct(asked) = asked.data_type() else { return Ok(None) };
    if own.len() != asked.len() || !own.iter().zip(asked).all(|(own, asked)| takes(asked, own)) {
        return Ok(None);
    }
    let field = |field: &std::sync::Arc<Field>| {
        Field::new(field.name(), field.data_type().clone(), field.is_nullable())
    };
    let fields: Fields = asked.iter().map(field).collect();
    Ok(Some(to_schema_pycapsule(py, Field::new("", DataType::Struct(fields), false))?))
}

/// Returns whether the column `asked` is the column `own` with a type that has room for all its
/// values.
fn takes(asked: &Field, own: &Field) -> bool {
    asked.name() == own.name()
        && (asked.is_nullable() || !own.is_nullable())
        && has_room(asked.data_type(), own.data_type())
}

fn has_room(asked: &DataType, own: &DataType) -> bool {
    use DataType::{
        Binary, BinaryView, Dictionary, Int32, Int64, LargeBinary, LargeUtf8, Timestamp, Utf8,
        Utf8View,
    };
    match (own, asked) {
        (own, asked) if own == asked => true,
        // A batch never has more rows than such keys have values.
        (Utf8, Dictionary(key, value)) => matches!(**key, Int32 | Int64) && has_room(value, &Utf8),
        (Utf8, LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
        | (Binary, LargeBinary | BinaryView)
        | (Int32, Int64)
        // Times are nanoseconds internally, so all of them fit.
        | (
            Timestamp(TimeUnit::Microsecond, Some(_)),
            Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, Some(_)),
        ) => true,
        _ => false,
    }
}
