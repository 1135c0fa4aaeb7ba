//! Notes of programs about lines that they did not write or forward.
//!
//! Sources: Linux `lib/ratelimit.c` and `kernel/printk/printk.c`, systemd `journald-kmsg.c` and
//! `journald-server.c`, rsyslog `runtime/ratelimit.c` and `plugins/imuxsock`, loggregator's
//! truncating buffer.

use memchr::memmem;

use crate::bytes::find::position;
use crate::line::envelope::Envelope;

/// A writer of such notes. Any program's text may look like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Kernel,
    Journald,
    Rsyslog,
    Loggregator,
}

impl Writer {
    /// Returns the writer of a line; `None` for a program that does not forward logs. `is_kernel`
    /// is true if the kernel wrote it.
    pub(super) fn of(envelope: &Envelope<'_>, is_kernel: bool) -> Option<Self> {
        match envelope.stream() {
            None => {}
            Some(b"LGR") => return Some(Self::Loggregator),
            // An app can print anything.
            Some(_) => return None,
        }
        if is_kernel {
            return Some(Self::Kernel);
        }
        let program = envelope.program?.as_bytes();
        let name = program.strip_prefix(b"vcap.").unwrap_or(program);
        match name {
            b"systemd-journald" | b"systemd-journal" | b"journal" => Some(Self::Journald),
            b"rsyslogd" | b"rsyslog" | b"imjournal" => Some(Self::Rsyslog),
            b"metron_agent"
            | b"metron"
            | b"doppler"
            | b"loggregator"
            | b"loggregator_agent"
            | b"loggr-udp-forwarder"
            | b"loggr-syslog-agent"
            | b"loggr-forwarder-agent" => Some(Self::Loggregator),
            _ => None,
        }
    }
}

/// The writer of a note, the text before the number, and the text behind it.
const NOTES: [(Writer, &str, &str); 9] = [
    (Writer::Kernel, ": ", " callbacks suppressed"),
    (Writer::Kernel, ": ", " messages suppressed"),
    (Writer::Kernel, ": ", " output lines suppressed due to ratelimiting"),
    (Writer::Kernel, "** ", " printk messages dropped"),
    (Writer::Journald, "Missed ", " kernel messages"),
    (Writer::Journald, "Suppressed ", " messages from "),
    (Writer::Rsyslog, ": ", " messages lost due to rate-limiting"),
    (Writer::Rsyslog, " lost ", " messages from pid "),
    (Writer::Loggregator, "dropped ", " messages"),
];

/// Returns the number of lines that are missing by a note of this writer; `None` for any other
/// text.
pub(super) fn missing(writer: Writer, text: &[u8]) -> Option<u64> {
    // Each note contains `suppressed` or `messages`, and few other lines have these letters.
    position!(b"ess", text)?;
    let own = NOTES.iter().filter(|(by, ..)| *by == writer);
    own.into_iter().find_map(|(_, before, after)| {
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
        use Writer::{Journald, Kernel, Loggregator, Rsyslog};
        let lost = "imuxsock lost 34 messages from pid 2311 due to rate-limiting";
        for (writer, text, expected) in [
            (Kernel, "net_ratelimit: 12 callbacks suppressed", Some(12)),
            (Kernel, "printk: 7 messages suppressed.", Some(7)),
            (Kernel, "printk: systemd: 4 output lines suppressed due to ratelimiting", Some(4)),
            (Kernel, "** 1234 printk messages dropped ** ", Some(1_234)),
            (Journald, "Missed 88 kernel messages", Some(88)),
            (Journald, "Suppressed 6144 messages from /system.slice/rsyslog.service", Some(6_144)),
            (
                Rsyslog,
                "imjournal: 119806 messages lost due to rate-limiting (20000 allowed within 600 seconds)",
                Some(119_806),
            ),
            (Rsyslog, lost, Some(34)),
            (Loggregator, "Log message output is too high. We've dropped 100 messages", Some(100)),
            (Kernel, lost, None),
            (Rsyslog, "client slow consumer: dropped 5000 messages", None),
            (Kernel, "net_ratelimit: callbacks suppressed", None),
            (Rsyslog, "imuxsock begins to drop messages from pid 2311 due to rate-limiting", None),
            (Kernel, "99999999999999999999999 callbacks suppressed", None),
            (Kernel, "device eth0 entered promiscuous mode", None),
            (Kernel, "", None),
        ] {
            assert_eq!(missing(writer, text.as_bytes()), expected, "{text}");
        }
    }
}
