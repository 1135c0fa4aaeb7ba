//! Helpers for bytes and text. This module calls no other.

pub(crate) mod base64;
pub(crate) mod digits;
pub(crate) mod escape;
pub(crate) mod find;
pub(crate) mod hash;
pub(crate) mod json;
pub(crate) mod line_end;
pub(crate) mod saved;
pub(crate) mod text;
pub(crate) mod trailing;
#[cfg(feature = "work")]
pub mod work;
#[cfg(not(feature = "work"))]
pub(crate) mod work;
