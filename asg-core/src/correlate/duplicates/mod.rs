//! Duplicates: one line that reached us by two ways.
//!
//! Two packet lines are about one packet if
//!
//! * the kernel's text is equal, byte for byte except for blanks at its end: log prefix,
//!   interfaces, addresses, IP ID, length, ports, flags and all else that the kernel prints; and
//! * the kernel's uptime is equal, to the microsecond. If no uptime is shown, the time of day must
//!   be equal, as exactly as it is shown, and the packet needs an IP ID other than 0: without one a
//!   second packet looks like the first; and
//! * their stamps are less than 20 hours apart, where both show a zone or neither does: the same
//!   uptime is reached once in each boot; and
//! * they do not come from machines of different names, or have different numbers in the kernel's
//!   buffer. A name of one kind (an instance id) is not compared with one of another (a host name):
//!   the two ways may name the machine differently.
//!
//! A line with an uptime and one without it are of one packet if the rest agrees, both stamps show
//! the same second, and the packet has an IP ID: imklog keeps the kernel's stamp, and journald does
//! not. Each line with an uptime is another packet.
//!
//! Whatever is in doubt is two packets, and so are a whole line and a cut one. A packet that is
//! sent again has another uptime, and nearly always another IP ID.

mod copies;
mod mark;
mod senders;
mod slots;
mod window;

pub(super) use self::copies::Copies;
pub(super) use self::mark::{MachineMark, Mark, packet_digest, sender, sender_name, text_digest};
pub(super) use self::senders::SenderNumber;
pub(crate) use self::window::Told;
pub(super) use self::window::Window;
