//! Quiet lines: those that hold nothing of a packet or a container, as one scan shows.
//!
//! Most lines of other programs are quiet. Nothing more is searched for in them.

use crate::bytes::pairs;
use crate::event::lager::NEEDLES;

/// Returns whether a text has no `SRC=`, no control byte up to the one that begins colours, and no
/// pair of [`NEEDLES`].
/// Each part of a quiet text is quiet.
pub(super) fn is_quiet(text: &[u8]) -> bool {
    const PAIRS: [[u8; 2]; NEEDLES.len() + 1] = {
        let [a, b, c, d] = NEEDLES;
        [a, b, c, d, *b"C="]
    };
    !pairs::has_any(text, PAIRS, 0x1b + 1)
}
