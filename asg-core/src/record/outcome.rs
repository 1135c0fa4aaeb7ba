//! Outcomes: the class of each line after reading, counted by source.
//!
//! A line that was not read as it should be is in a class of its own, so that it is seen. The table
//! is in the order of rank: a line with several records, such as an export's document, is in the
//! highest of their classes.

mod counts;

pub use self::counts::{OutcomeCounts, Outcomes};
use super::unread::{has_payload, holds_member, holds_second, holds_text};
use super::{Content, Record, broken, encoded};
use crate::line::Line;
use crate::packet;

/// The class of a line after reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It holds no packet for certain, and was not looked at more closely, because only packets
    /// were asked for.
    PassedOver,
    /// It is of another kind, or a further line of a document.
    Other,
    /// It is about containers.
    Evidence,
    /// It is iptables-logger's about a packet.
    Logger,
    /// It is a packet.
    Packet,
    /// It is cut, split or malformed.
    Damaged,
    /// It has a text in base64, as a store passes lines on.
    Encoded,
    /// It has a packet's or a container's text in a form that is not understood.
    NotUnderstood,
    /// It has such a text, which an app, a user or a shipper printed.
    NotPlatform,
    /// It is a packet, whose header was not understood.
    HeaderNotUnderstood,
    /// It is longer than what is kept of a line; its end was skipped.
    OverLong,
}

/// A class of lines.
struct Class {
    outcome: Outcome,
    word: &'static str,
    meaning: &'static str,
    /// The effect on results, if that is worth a sentence.
    consequence: Option<&'static str>,
}

const fn class(
    outcome: Outcome,
    word: &'static str,
    meaning: &'static str,
    consequence: Option<&'static str>,
) -> Class {
    Class { outcome, word, meaning, consequence }
}

const TABLE: [Class; 11] = [
    class(Outcome::PassedOver, "passed_over", "not looked at, because they hold no packet", None),
    class(Outcome::Other, "other", "of other kinds", None),
    class(Outcome::Evidence, "evidence", "about containers", None),
    class(Outcome::Logger, "logger", "of iptables-logger", None),
    class(Outcome::Packet, "packet", "packets", None),
    class(Outcome::Damaged, "damaged", "damaged", Some("cut, split or malformed")),
    class(
        Outcome::Encoded,
        "encoded",
        "with a text in base64, as Kinesis, Pub/Sub and CloudWatch pass lines on",
        Some(
            "not read: decode it with `base64 -d`, and with `zcat` behind it if it begins with `H4sI`",
        ),
    ),
    class(
        Outcome::NotUnderstood,
        "not_understood",
        "with a packet's or a container's text in a form that is not understood",
        Some("counted for nothing"),
    ),
    class(
        Outcome::NotPlatform,
        "not_platform",
        "with a packet's or a container's text that an app, a user or a shipper printed",
        Some("counted for nothing"),
    ),
    class(
        Outcome::HeaderNotUnderstood,
        "header_not_understood",
        "with a packet behind a header that is not understood",
        Some("machine and time may be missing"),
    ),
    class(
        Outcome::OverLong,
        "over_long",
        "longer than 64 KiB, or documents longer than 64 MiB",
        Some("the end was skipped"),
    ),
];

impl Outcome {
    /// All of them, in the order of their rank.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    ///
    /// assert!(Outcome::ALL.is_sorted());
    /// assert_eq!(Outcome::ALL.map(Outcome::as_str)[4], "packet");
    /// ```
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::Other; TABLE.len()];
        let mut n = 0;
        while n < TABLE.len() {
            all[n] = TABLE[n].outcome;
            n += 1;
        }
        all
    };

    /// Gives the outcome of a line with one record.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    /// use asg_core::{Line, Record};
    ///
    /// let outcome = |text: &str| {
    ///     let line = Line::new(text.as_bytes());
    ///     Outcome::of(&line, &Record::classify(&line))
    /// };
    /// assert_eq!(outcome("Jun 16 23:18:38 cell-1 sshd[71]: hello"), Outcome::Other);
    /// assert_eq!(outcome("? IN: SRC=10.0.0.1 DST=10.0.0.2"), Outcome::NotUnderstood);
    /// ```
    #[must_use]
    pub fn of(line: &Line<'_>, record: &Record<'_>) -> Self {
        if line.is_cut() {
            return Self::OverLong;
        }
        let body = record.envelope.body.as_bytes();
        // Further records have their own part of the text, and an array of bytes shows none.
        let is_raw = line.count_more() == 0 && !line.has_message_of_bytes();
        Self::of_record(record, if is_raw { line.raw() } else { body })
    }

    /// Gives the outcome of a line that has this record too; see [`Record::more`].
    ///
    /// ```
    /// use asg_core::record::Outcome;
    /// use asg_core::{Line, Record};
    ///
    /// let packet = "x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 \
    ///     ID=7 PROTO=2 ";
    /// let events = format!(r#"["{packet}", "x IN= OUT=eth0 SRC=10.0"]"#);
    /// let line = Line::new(events.as_bytes());
    /// let first = Outcome::of(&line, &Record::classify(&line));
    /// assert_eq!(first, Outcome::Packet);
    /// let outcome = Record::more(&line).fold(first, |it, record| it.with(&record));
    /// assert_eq!(outcome, Outcome::Damaged);
    /// ```
    #[must_use]
    pub fn with(self, record: &Record<'_>) -> Self {
        self.max(Self::of_record(record, record.envelope.body.as_bytes()))
    }

    fn of_record(record: &Record<'_>, text: &[u8]) -> Self {
        if record.not_platform() {
            return Self::NotPlatform;
        }
        if record.header_not_understood.is_some() {
            return Self::HeaderNotUnderstood;
        }
        match &record.content {
            Content::Packet { .. } => Self::Packet,
            Content::Rep(_) | Content::Document(_) => Self::Evidence,
            Content::Logger(_) => Self::Logger,
            Content::Damaged(damaged) if damaged.part.is_none() && has_payload(text) => {
                Self::NotUnderstood
            }
            Content::Damaged(_) if holds_second(record, text) => Self::NotUnderstood,
            Content::Damaged(_) => Self::Damaged,
            Content::Other if record.part_of.is_some() => Self::Other,
            Content::Other if broken::is_piece(record.envelope.body.as_bytes()) => {
                if record.is_platform() { Self::NotUnderstood } else { Self::NotPlatform }
            }
            Content::Other if record.is_platform() && encoded::is_in(text) => Self::Encoded,
            Content::Other if record.memo.is_quiet => Self::Other,
            Content::Other
                if !holds_text(text, record.is_platform())
                    && !holds_member(record.envelope.body.as_bytes(), record.is_platform()) =>
            {
                Self::Other
            }
            Content::Other
                if packet::foreign::writer(record.envelope.body.as_bytes()).is_some() =>
            {
                Self::Other
            }
            Content::Other if record.is_platform() => Self::NotUnderstood,
            Content::Other => Self::NotPlatform,
        }
    }

    const fn class(self) -> &'static Class {
        &TABLE[self as usize]
    }

    /// Returns the word for programs.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    /// let letters = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    /// assert!(Outcome::ALL.iter().all(|outcome| letters(outcome.as_str())));
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.class().word
    }

    /// Returns the words for people, behind a number of lines.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    /// assert!(Outcome::ALL.iter().all(|outcome| !outcome.meaning().is_empty()));
    /// ```
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.class().meaning
    }

    /// Returns the effect of such lines on results, if readers of these need to know.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    ///
    /// assert_eq!(Outcome::Packet.consequence(), None);
    /// assert_eq!(Outcome::OverLong.consequence(), Some("the end was skipped"));
    /// ```
    #[must_use]
    pub const fn consequence(self) -> Option<&'static str> {
        self.class().consequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &[u8]) -> Outcome {
        let line = Line::new(text);
        let first = Outcome::of(&line, &Record::classify(&line));
        Record::more(&line).fold(first, |outcome, record| outcome.with(&record))
    }

    #[test]
    fn each_class_is_in_its_row_and_has_a_word_of_its_own() {
        let mut words = std::collections::BTreeSet::new();
        for outcome in Outcome::ALL {
            assert_eq!(outcome.class().outcome, outcome);
            let word: String = outcome
                .as_str()
                .split('_')
                .map(|part| part[..1].to_uppercase() + &part[1..])
                .collect();
            assert_eq!(format!("{outcome:?}"), word);
            assert!(words.insert(outcome.as_str()));
        }
    }

    const PACKET: &str = "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 \
        LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    const REP: &str = r#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting","log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;

    #[test]
    fn a_line_is_in_the_class_that_its_text_and_its_writer_say() {
        let packet = |header: &str| format!("{header}{PACKET}");
        let rep = |header: &str| format!("{header}{REP}");
        let deep = |text: &str| {
            let text = serde_json::to_string(text).unwrap();
            format!("{}{text}{}", r#"{"a":"#.repeat(12), "}".repeat(12))
        };
        let member =
            |before: &str| format!("{before}\"handle\": \"bfce786c-ab07-40ad-79f9-8f21\",");
        let kernel = "Jun 16 23:18:38 cell-1 kernel: [87921.493829] ";
        for (text, expected) in [
            (packet(kernel), Outcome::Packet),
            (packet(kernel)[..180].to_owned(), Outcome::Damaged),
            (packet("Jun 16 23:18:38 cell-1 sshd[71]: "), Outcome::NotPlatform),
            (packet("one two three four five six seven "), Outcome::HeaderNotUnderstood),
            (deep(PACKET), Outcome::NotUnderstood),
            (deep(REP), Outcome::NotUnderstood),
            (rep(""), Outcome::Evidence),
            (rep("Jun 16 23:18:38 cell-1 sshd[71]: "), Outcome::NotPlatform),
            (rep("2024-05-06T07:08:03Z [APP/PROC/WEB/0] OUT "), Outcome::NotPlatform),
            (rep("<?one two three "), Outcome::NotUnderstood),
            (rep("<a>May  6 07:09:10 h my-app: ").replace('"', "&quot;"), Outcome::NotPlatform),
            (format!("{kernel}eth0: link up"), Outcome::Other),
            (
                r#"{"timestamp":"1","source":"bbs","message":"x","data":{"handle":1}}"#.into(),
                Outcome::Other,
            ),
            (String::new(), Outcome::Other),
            (rep("[2024-05-06 07:09:13] "), Outcome::NotUnderstood),
            (rep("[x] 2024-05-06T07:09:10Z h my-app[9]: "), Outcome::NotPlatform),
            (rep("x['"), Outcome::NotUnderstood),
            (rep("    "), Outcome::Evidence),
            (rep(&" ".repeat(30)), Outcome::NotUnderstood),
            (packet(&format!("{}{kernel}", " ".repeat(30))), Outcome::HeaderNotUnderstood),
            (rep("MESSAGE="), Outcome::NotUnderstood),
            (rep("> \tMESSAGE="), Outcome::NotUnderstood),
            (packet("MESSAGE="), Outcome::HeaderNotUnderstood),
            (packet(kernel).replace("OK_bfce", "OK_\u{1b}[01;31mbfce"), Outcome::Packet),
            // Another rule's prefix may have colours; a tool's may hide a header.
            (
                packet(kernel).replace("OK_bfce786c-ab07-40ad-79f9-8", "a\u{7}b\u{1b}[0m"),
                Outcome::Packet,
            ),
            (
                packet("cell-1 \u{1b}[33mkernel\u{1b}[0m ")
                    .replace("OK_bfce786c-ab07-40ad-79f9-8", "x"),
                Outcome::HeaderNotUnderstood,
            ),
            (packet("syslog: "), Outcome::NotPlatform),
            (packet(&format!("May  6 07:09:10 cell-1 syslog: {kernel}")), Outcome::Packet),
            (rep("2024-05-06T07:09:10+00:00\th\tmy-app[99]:\t"), Outcome::NotPlatform),
            (
                rep("time:2024-05-06T07:09:10Z\thost:h\tident:my-app\tmessage:"),
                Outcome::NotPlatform,
            ),
            (rep("time:2024-05-06T07:09:10Z\thost:h\tident:rep\tmessage:"), Outcome::Evidence),
            (packet("[1468399.963562] h my-app[99]: "), Outcome::NotPlatform),
            (packet("[1468399.963562                ] h kernel: "), Outcome::Packet),
            (rep("[1468399.963562                ] h rep[7]: "), Outcome::Evidence),
            (packet(kernel).replace(' ', "+"), Outcome::NotUnderstood),
            (packet(kernel).replace(' ', "\t"), Outcome::NotUnderstood),
            (packet(kernel).replace(' ', "%20"), Outcome::NotUnderstood),
            (packet(kernel).replace(' ', "\u{a0}"), Outcome::NotUnderstood),
            (member("    "), Outcome::NotUnderstood),
            (member("diego-cell/0455ec2b: stdout |     "), Outcome::NotUnderstood),
            (member("2024-05-06T07:08:03Z [APP/PROC/WEB/0] OUT   "), Outcome::NotPlatform),
            (
                format!(r#"{{"log":{}}}"#, serde_json::to_string(&member("  ")).unwrap()),
                Outcome::NotUnderstood,
            ),
            (member(r#"{"a": 1, "#), Outcome::NotUnderstood),
            (r#"  "handle": "somebody","#.into(), Outcome::Other),
            (
                format!("2024-05-06T07:08:03Z [APP/PROC/WEB/0] OUT {{\n{}1}}", member("  ") + "\n"),
                Outcome::NotPlatform,
            ),
            (format!("cell-1: {{\n{}\n}}", member("  ").trim_end_matches(',')), Outcome::Other),
            (format!("{{{}}}", member("").trim_end_matches(',')), Outcome::Other),
        ] {
            assert_eq!(outcome(text.as_bytes()), expected, "{text}");
        }
        let wide: Vec<_> = PACKET.bytes().flat_map(|b| [b, 0]).collect();
        assert_eq!(outcome(&wide), Outcome::NotUnderstood);
        let line = Line::cut(PACKET.as_bytes());
        assert_eq!(Outcome::of(&line, &Record::classify(&line)), Outcome::OverLong);
    }

    #[test]
    fn a_middle_piece_of_a_broken_packet_is_told() {
        for piece in [
            "LEN=61 TOS=0x00",
            "TTL=63 ID=2806 DF",
            "DST=203.0.113.10 LEN=60 TOS=0x00",
            "D=45400 DF SPT=352",
            "36 DPT=80 WINDOW=29200 RE",
            "0x00 TTL=63 ID=45400 DF ",
            "WINDOW=29200 RES=0x00 SYN URGP=0",
            "SYN URGP=0",
            "PREC=0x00 TTL=63 ID=45400 D",
            "TYPE=8 CODE=0",
        ] {
            for header in ["", "May  6 07:09:10 cell-1 kernel: "] {
                let told = outcome(format!("{header}{piece}").as_bytes());
                let is_told = matches!(told, Outcome::NotUnderstood | Outcome::Damaged);
                assert!(is_told, "{header}{piece}: {told:?}");
            }
            let of_app = format!("May  6 07:09:10 cell-1 my-app[7]: {piece}");
            assert_eq!(outcome(of_app.as_bytes()), Outcome::NotPlatform, "{of_app}");
        }
        for other in [
            "ID=ubuntu",
            "ID=5",
            "SYN flood",
            "LEN=5 bytes",
            "eth0: MTU=1500",
            "DF MF",
            "80 90",
            "",
        ] {
            for header in ["", "May  6 07:09:10 cell-1 kernel: "] {
                let text = format!("{header}{other}");
                assert_eq!(outcome(text.as_bytes()), Outcome::Other, "{text}");
            }
        }
    }

    #[test]
    fn a_packet_in_json_of_any_depth_is_read_or_told() {
        let text = serde_json::to_string(PACKET).unwrap();
        for (begin, end) in
            [(r#"{"a":"#, "}"), ("[", "]"), (r#"[{"a":"#, "}]"), (r#"{"a":["#, "]}")]
        {
            for depth in 1..60 {
                let line = format!("{}{text}{}", begin.repeat(depth), end.repeat(depth));
                let outcome = outcome(line.as_bytes());
                let is_deep = depth * begin.matches(['{', '[']).count() > 3;
                let is_told = outcome.consequence().is_some();
                assert!(outcome == Outcome::Packet || (is_deep && is_told), "{line}: {outcome:?}");
            }
        }
    }
}
