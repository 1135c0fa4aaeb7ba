//! JSON that callers hand over as bytes.

use serde::de::DeserializeOwned;

use crate::error::Error;

/// Parses one JSON document; any text behind it is an error.
pub(super) fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(json).map_err(|error| at(json, 0, &error))
}

/// Converts an error of the JSON parser. `json` begins at offset `start` of the caller's text.
pub(super) fn at(json: &[u8], start: usize, error: &serde_json::Error) -> Error {
    let lines = json.split(|b| *b == b'\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(|line| line.len() + 1).sum();
    let offset = before + error.column().saturating_sub(1);
    let offset = if error.is_eof() { json.len() } else { offset.min(json.len()) };
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    Error::json(start + offset, reason, error.is_eof())
}
