//! The tests of what several modules do together.

mod vectors;
