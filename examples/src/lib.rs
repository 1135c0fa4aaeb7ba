//! The programs in `examples/examples` teach one thing each.
#![forbid(unsafe_code)]

/// The README's Rust is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
