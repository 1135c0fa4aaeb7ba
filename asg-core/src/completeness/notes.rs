//! Notes in which a program says how many lines it did not write or hand on.
//!
//! Sources: Linux `lib/ratelimit.c` and `kernel/printk/printk.c`, systemd `journald-kmsg.c` and `journald-server.c`, rsyslog
//! `runtime/ratelimit.c` and `plugins/imuxsock`, loggregator's truncating buffer.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

/// What stands before the number, and what behind it.
const NOTES: [(&str, &str); 9] = [
    (": ", " callbacks suppressed"),
    (": ", " messages suppressed"),
    (": ", " output lines suppressed due to ratelimiting"),
    ("** ", " printk messages dropped"),
    ("Missed ", " kernel messages"),
    ("Suppressed ", " messages from "),
    (": ", " messages lost due to rate-limiting"),
    (" lost ", " messages from pid "),
    ("dropped ", " messages"),
];

static WORDS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["suppressed", "messages"].map(|word| Finder::new(word).into_owned()));

/// The number of lines that a note says are missing; `None` if the text is no such note.
pub(super) fn missing(text: &[u8]) -> Option<u64> {
    // Each has one of two words in it, and nearly no other line has.
    WORDS.iter().find(|word| word.find(text).is_some())?;
    NOTES.iter().find_map(|(before, after)| {
        let at = memmem::find(text, after.as_bytes())?;
        let head = &text[..at];
        let digits = head.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let (head, digits) = head.split_at(head.len() - digits);
        let is_note = head.ends_with(before.as_bytes()) || (before == &": " && head.is_empty());
        is_note.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_tell_how_many_lines_are_missing_and_other_lines_tell_nothing() {
        for (text, expected) in [
            ("net_ratelimit: 12 callbacks suppressed", Some(12)),
            ("printk: 7 messages suppressed.", Some(7)),
            ("printk: systemd: 4 output lines suppressed due to ratelimiting", Some(4)),
            ("** 1234 printk messages dropped ** ", Some(1_234)),
            ("Missed 88 kernel messages", Some(88)),
            ("Suppressed 6144 messages from /system.slice/rsyslog.service", Some(6_144)),
            (
                "imjournal: 119806 messages lost due to rate-limiting (20000 allowed within 600 seconds)",
                Some(119_806),
            ),
            ("imuxsock lost 34 messages from pid 2311 due to rate-limiting", Some(34)),
            ("Log message output is too high. We've dropped 100 messages", Some(100)),
            ("net_ratelimit: callbacks suppressed", None),
            ("imuxsock begins to drop messages from pid 2311 due to rate-limiting", None),
            ("99999999999999999999999 callbacks suppressed", None),
            ("device eth0 entered promiscuous mode", None),
            ("", None),
        ] {
            assert_eq!(missing(text.as_bytes()), expected, "{text}");
        }
    }
}
