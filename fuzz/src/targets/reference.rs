//! The reader of packet lines against the reference.

use asg_core::{Packet, Text, reference as slow};

/// Both read the same of a whole line, and refuse the same lines.
pub(crate) fn reference(data: &[u8]) {
    let text = Text::new(data);
    let (read, expected) = match (Packet::parse_lenient(data), slow::read(data)) {
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
