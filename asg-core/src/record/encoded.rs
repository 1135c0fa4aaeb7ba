//! Texts in base64, as stores and queues pass lines on.
//!
//! They are not decoded: most are compressed as well. So that nobody takes them for lines without
//! packets, they are in a class of their own.
//!
//! Sources: the API of Kinesis Data Streams, `GetRecords`; the events that AWS passes to Lambda
//! functions, of Kinesis, Firehose and `CloudWatch` Logs; the API of Pub/Sub, `PubsubMessage`.

use crate::bytes::find::position;

/// Members with such a text.
const TEXTS: [&[u8]; 2] = [b"\"data\"", b"\"Data\""];

/// Members that show the store, beside such a text or around it.
const STORES: [&[u8]; 7] = [
    b"\"awslogs\"",
    b"\"SequenceNumber\"",
    b"\"sequenceNumber\"",
    b"\"PartitionKey\"",
    b"\"recordId\"",
    b"\"messageId\"",
    b"\"message_id\"",
];

/// The length of a packet's text in base64 is greater.
const LEAST: usize = 64;

/// Returns whether a text is an object, or an array of some, of such a store. Lager's objects begin
/// with their stamp and cost two comparisons.
pub(super) fn is_in(text: &[u8]) -> bool {
    match text {
        [b'{', b'"', b't', ..] => false,
        [b'{' | b'[', ..] => position!(b"ata\"", text).is_some() && holds_text(text),
        _ => false,
    }
}

#[cold]
fn holds_text(text: &[u8]) -> bool {
    let find = |what: &[u8]| memchr::memmem::find(text, what).is_some();
    TEXTS.iter().any(|name| {
        memchr::memmem::find_iter(text, *name).any(|at| is_base64(&text[at + name.len()..]))
    }) && STORES.iter().any(|name| find(name))
}

/// Returns whether a member's value is a long text in base64, or its beginning.
fn is_base64(behind: &[u8]) -> bool {
    let value =
        || behind.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"");
    let is_its =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=');
    value().is_some_and(|value| value.len() > LEAST && value[..LEAST].iter().all(is_its))
}
