//! Logs, exports and security groups without the names, addresses and GUIDs of a foundation.
//!
//! Each value gets a new one, by a key: the same value the same one wherever it stands, so every
//! join, owner, explanation and count comes out as before. Whoever has the key can go back.
//!
//! What is written is made of what was read, member by member. Nothing is copied from a line, so
//! what the program does not understand cannot pass.
//!
//! | value | becomes | how |
//! |---|---|---|
//! | IPv4 and IPv6 addresses, also in names of interfaces and in silk's link addresses | addresses; networks stay networks | Crypto-PAn |
//! | GUIDs, handles, process GUIDs, and their beginnings | the same length, the same beginning for the same beginning | Crypto-PAn over the bits of a GUID |
//! | names of hosts, apps, spaces, orgs, groups, jobs, interfaces | letters and digits | FF1 |
//! | other link addresses | link addresses | Crypto-PAn |
//! | text | nothing | |

mod event;
pub mod export;
mod folder;
mod header;
mod key;
mod line;
mod packet;
mod pins;
pub mod policy;
mod redactor;
mod reverse;
mod tree;
mod words;

pub use folder::{Folder, Lines};
pub use key::Key;
pub use line::Fate;
pub use redactor::Redactor;
pub use reverse::reverse;
