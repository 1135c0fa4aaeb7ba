//! Pieces of lines as text, and text that is safe to show.
//!
//! Logs are bytes. A piece of a line is a [`Text`], which need not be UTF-8; a string of a JSON
//! line is a [`JsonStr`]. [`escape_text`] and [`escape_name`] show what an app chose, such as a
//! name, without the characters that control a terminal.
//!
//! ```
//! use asg_core::bytes::{Text, escape_text};
//!
//! let interface = Text::new(b"wlan-\xff\x1b");
//! assert_eq!(interface.as_str(), None, "it is not UTF-8");
//! assert_eq!(escape_text(&interface.to_str_lossy()), "wlan-\u{fffd}\\u{1b}");
//! ```

// The helpers below call no other module.

pub(crate) mod base64;
pub(crate) mod colours;
pub(crate) mod digits;
pub(crate) mod entities;
pub(crate) mod escape;
pub(crate) mod find;
pub(crate) mod hash;
pub(crate) mod json;
pub(crate) mod line_end;
pub(crate) mod pairs;
pub(crate) mod saved;
pub(crate) mod small;
pub(crate) mod text;
pub(crate) mod trailing;
#[cfg(feature = "work")]
#[doc(hidden)]
pub mod work;
#[cfg(not(feature = "work"))]
pub(crate) mod work;

pub use escape::{escape_name, escape_text};
pub use json::JsonStr;
pub use small::{SmallText, dotted};
pub use text::Text;
