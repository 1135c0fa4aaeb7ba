//! The parser of packet lines against the reference.

use asg_core::Packet;
use asg_core::bytes::Text;
use asg_core::packet::reference as slow;

/// Both read the same fields of a whole line, and refuse the same lines.
pub(crate) fn reference(data: &[u8]) {
    let text = Text::new(data);
    // The reference knows only the kernel's lines, and accepts no line end.
    let is_kernels = |read: &asg_core::packet::Lenient<'_>| !read.packet.is_altered();
    let ends = data.ends_with(b"\n") || data.ends_with(b"\r");
    if ends || Packet::parse_lenient(data).is_some_and(|read| !is_kernels(&read)) {
        return;
    }
    let (read, expected) = match (Packet::parse_lenient(data), slow::parse(data)) {
        (Some(read), Some(expected)) => (read, expected),
        (read, expected) => {
            assert!(read.is_none() && expected.is_none(), "{text}");
            return;
        }
    };
    assert_eq!(read.stop.is_none(), expected.is_whole, "{text}: {:?}", read.stop);
    if expected.is_whole {
        assert_eq!(serde_json::to_value(&read.packet).unwrap(), expected.fields, "{text}");
    }
}
