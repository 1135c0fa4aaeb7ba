//! Frames with octet counts over several lines: each line belongs to the writer of its frame.

use asg_core::line::{Form, LogLines, RawLine};
use asg_core::record::Outcome;
use asg_core::{Origin, Record, SourceId};

use super::{PACKET, REP};

/// The numbers of a log's lines: with proven packets, with proven evidence, and with those that
/// prove nothing.
#[derive(Debug, Default, PartialEq)]
struct Given {
    packets: Vec<u64>,
    evidence: Vec<u64>,
    refused: Vec<u64>,
    hosts: Vec<Option<String>>,
}

fn given(log: &str) -> Given {
    let of_pieces = |size: usize| {
        let mut given = Given::default();
        let mut count = 0;
        let mut each = |raw: RawLine<'_>| {
            count += 1;
            assert_eq!(raw.number, count, "each line once");
            if raw.part_of.is_some() {
                return;
            }
            let line = raw.line();
            let mut outcome = Outcome::Other;
            for record in Record::all(&line) {
                outcome = outcome.max(Outcome::of(&line, &record));
                if record.proven_packet().is_some() {
                    given.packets.push(raw.number);
                    given.hosts.push(record.envelope.host.map(|host| host.to_string()));
                }
                let origin = Origin { source: SourceId(0), line: raw.number };
                record.evidence(origin, |_| {
                    given.evidence.push(raw.number);
                    given.hosts.push(record.envelope.host.map(|host| host.to_string()));
                });
            }
            if outcome == Outcome::NotPlatform {
                given.refused.push(raw.number);
            }
        };
        let mut lines = LogLines::new();
        for piece in log.as_bytes().chunks(size) {
            lines.push(piece, &mut each);
        }
        lines.finish(&mut each);
        assert_eq!(count as usize, log.lines().count());
        given
    };
    let whole = of_pieces(log.len());
    assert_eq!(of_pieces(7), whole, "in pieces");
    whole
}

const STAMP: &str = "2024-05-06T07:09:12Z";

fn message(program: &str, text: &str) -> String {
    format!("<14>1 {STAMP} cell-1 {program} - - - {text}")
}

fn framed(message: &str) -> String {
    format!("{} {message}", message.len())
}

fn frame(program: &str, text: &str) -> String {
    framed(&message(program, text))
}

/// Writers whose text proves nothing, as the name and the process id of a header.
const APPS: [&str; 3] = ["my-app", "sshd", "11111111-1111-4111-8111-111111111111"];

/// Texts that an app may print behind a line feed.
fn forged() -> [String; 5] {
    [
        REP.to_owned(),
        PACKET.to_owned(),
        message("kernel", PACKET),
        frame("kernel", PACKET),
        format!("{}\n{}", frame("kernel", "x"), frame("rep", REP)),
    ]
}

#[test]
fn lines_inside_an_apps_frame_are_the_apps() {
    for app in APPS {
        for text in forged() {
            let lines = 1 + text.lines().count() as u64;
            let app = message(app, &format!("hello\n{text}"));
            let (first, last) = (frame("kernel", PACKET), frame("rep", REP));
            // The count has the line feed, or has not; or no line feed is between frames.
            let app_frame = framed(&app);
            let log = format!("{first}\n{app_frame}\n{last}\n");
            let by_line = given(&log);
            assert_eq!(
                (&*by_line.packets, &*by_line.evidence),
                (&[1][..], &[2 + lines][..]),
                "{log}"
            );
            assert_eq!(by_line.refused, [2], "{log}");
            let counted = |message: &str| framed(&format!("{message}\n"));
            let log = [message("kernel", PACKET), app.clone(), message("rep", REP)]
                .map(|it| counted(&it));
            let given_by = given(&log.concat());
            assert_eq!((&*given_by.packets, &*given_by.evidence), (&[1][..], &[2 + lines][..]));
            let log = [&first, &framed(&app), &last].map(String::as_str).concat();
            let given_by = given(&log);
            assert_eq!(
                (&*given_by.packets, &*given_by.evidence),
                (&[1][..], &[lines][..]),
                "{log}"
            );
            let log = [framed(&app.replace('\n', "\r\n")), first, last].join("\r\n");
            let with_cr = given(&log);
            assert_eq!(
                (&*with_cr.packets, &*with_cr.evidence),
                (&[1 + lines][..], &[2 + lines][..])
            );
        }
    }
}

#[test]
fn an_apps_frame_that_is_cut_or_counted_wrong_takes_no_other_frame_and_gives_nothing() {
    let others = format!("{}\n{}\n", frame("kernel", PACKET), frame("rep", REP));
    let app = message("my-app", &format!("hello\n{REP}\n{PACKET}"));
    for count in [app.len() + 3, app.len() - 3, app.len() + 900, 999_999, app.len() - 400] {
        // Behind the first line of the log, whose count is right.
        let log = format!("{}\n{count} {app}\n{others}", frame("kernel", "x"));
        let given = given(&log);
        // A count that ends too early leaves the last line to nobody.
        let is_short = count < app.len() - 300;
        if !is_short {
            assert_eq!((&*given.packets, &*given.evidence), (&[5][..], &[6][..]), "{log}");
            assert_eq!(given.refused, [2], "{log}");
        }
        assert!(given.packets.contains(&5) && given.evidence.contains(&6), "{log}");
    }
    // A log that ends in a frame.
    let whole = framed(&app);
    let head = frame("kernel", PACKET);
    for cut in [1, 20, PACKET.len() + 10] {
        let given = given(&format!("{head}\n{}", &whole[..whole.len() - cut]));
        assert_eq!((&*given.packets, &*given.evidence), (&[1][..], &[][..]), "{cut}");
        assert_eq!(given.refused, [2]);
    }
}

#[test]
fn lines_in_a_frame_of_the_platforms_are_all_read() {
    for (program, text) in [("kernel", PACKET), ("rep", REP), ("-", PACKET), ("root", PACKET)] {
        let one = given(&format!("{}\n", frame(program, text)));
        let log =
            format!("{}\n{}\n", frame(program, &[text; 3].join("\n")), frame("kernel", PACKET));
        let all = given(&log);
        let is_read = program != "root";
        let expected = |n: usize| if is_read { n } else { 0 };
        assert_eq!(one.packets.len() + one.evidence.len(), expected(1), "{log}");
        assert_eq!(all.packets.len() + all.evidence.len(), expected(3) + 1, "{log}");
        assert!(all.hosts.iter().all(|host| host.as_deref() == Some("cell-1")), "{all:?}");
        // Of a count that is wrong nothing is lost.
        let wrong = format!(
            "{}\n999 {}\n{}\n",
            frame("kernel", "x"),
            message(program, text),
            frame("kernel", PACKET)
        );
        let given = given(&wrong);
        assert_eq!(given.packets.len() + given.evidence.len(), expected(1) + 1, "{wrong}");
    }
    // rep prints no packets.
    let given = given(&format!("{}\n", frame("rep", &format!("{REP}\n{PACKET}"))));
    assert_eq!((given.packets.len(), given.evidence.len()), (0, 1));
}

#[test]
fn a_count_in_another_log_holds_nothing_together() {
    let log = format!("log\n999999 {}\n{PACKET}\n{REP}\n", message("my-app", "hello"));
    let given = given(&log);
    assert_eq!((given.packets, given.evidence), (vec![3], vec![4]));
}

#[test]
fn lines_of_an_apps_frame_are_the_apps_in_a_log_that_begins_in_a_frame() {
    let first = frame("kernel", PACKET);
    for app in APPS {
        for text in forged() {
            let lines = 1 + text.lines().count() as u64;
            let app_frame = framed(&message(app, &format!("hello\n{text}")));
            // The log is cut anywhere in its first frame.
            for cut in [1, 3, 5, 7, 30, 60, first.len() - 3] {
                let log = format!("{}\n{app_frame}\n{first}\n", &first[cut..]);
                let given = given(&log);
                let last = 2 + lines;
                assert!(given.packets.iter().all(|at| *at == 1 || *at == last), "{cut}: {log}");
                assert_eq!((given.packets.last(), given.evidence.len()), (Some(&last), 0), "{log}");
                assert!(given.refused.contains(&2), "{cut}: {given:?}\n{log}");
            }
        }
    }
}

/// Returns whether the first line of a log shows that its beginning is missing.
fn begins_inside_a_line(log: &str) -> bool {
    matches!(Form::of(log.as_bytes()), Form::Tail(_))
}

#[test]
fn nothing_before_the_first_frame_is_believed_in_a_log_that_is_cut_in_an_apps_frame() {
    let others = format!("{}\n{}\n", frame("kernel", PACKET), frame("rep", REP));
    let header = |program: &str| format!("May  6 07:09:10 cell-1 {program}: ");
    for (text, whole) in [
        (REP.to_owned(), "{"),
        (PACKET.to_owned(), "["),
        (message("kernel", PACKET), "<14>1 2024-05-06T07:09:12Z cell-1 kernel - - - "),
        (format!("{}{PACKET}", header("kernel")), &*header("kernel")),
        (format!("{}{REP}", header("rep")), &*header("rep")),
    ] {
        let text = format!("hello\n{text}\n{text}\n\n\n{REP}");
        let app_frame = framed(&message("my-app", &text));
        for cut in 1..app_frame.len() {
            let end = &app_frame[cut..];
            // A line that is cut may look like a whole one, as another log's first line does.
            let is_whole = |whole: &str| (0..whole.len()).any(|at| end.starts_with(&whole[at..]));
            if is_whole(whole) || end.starts_with(REP) || end.starts_with("[88008.920287] ") {
                continue;
            }
            // The last digits of a count may be the length of the first line.
            let count = end.split_once(" <").and_then(|(count, _)| count.parse::<usize>().ok());
            let first = end.find('\n').zip(end.find('<')).map(|(to, from)| to.saturating_sub(from));
            if count.is_some_and(|it| first.is_some_and(|len| it == len || it == len + 1)) {
                continue;
            }
            let log = format!("{end}\n{others}");
            let given = given(&log);
            let last = log.lines().count() as u64;
            assert_eq!(
                (&*given.packets, &*given.evidence),
                (&[last - 1][..], &[last][..]),
                "{log}"
            );
            assert!(!given.refused.is_empty() || end.len() < REP.len(), "{given:?}\n{log}");
        }
    }
}

#[test]
fn lines_behind_a_count_that_is_too_small_are_the_apps_up_to_the_next_frame() {
    let (first, last) = (frame("kernel", "x"), frame("kernel", PACKET));
    for count in [1, 7, 30, 49] {
        for lines in [1, 2, 9] {
            let app = message("my-app", &"hello ".repeat(9));
            let forged = format!("{REP}\n{PACKET}\n").repeat(lines);
            let log = format!("{first}\n{count} {app}\n{forged}{last}\n");
            let given = given(&log);
            let place = 2 * lines as u64 + 3;
            assert_eq!((&*given.packets, &*given.evidence), (&[place][..], &[][..]), "{log}");
            assert_eq!(given.refused, [2]);
        }
    }
    // So many lines at most.
    let (mut lines, mut passed) = (LogLines::new(), 0);
    lines.push(format!("{first}\n7 {}\n", message("my-app", "hello")).as_bytes(), |_| passed += 1);
    for _ in 0..1_100_000 / (REP.len() + 1) {
        lines.push(format!("{REP}\n").as_bytes(), |_| passed += 1);
    }
    assert!(passed > 2, "{passed}");
    // Each of them is looked at once.
    let (mut lines, mut passed) = (LogLines::new(), 0);
    lines.push(format!("{first}\n7 {}\n", message("my-app", "hello")).as_bytes(), |_| passed += 1);
    lines.push("\n".repeat(1_100_000).as_bytes(), |_| passed += 1);
    assert!(passed > 1_000_000, "{passed}");
}

#[test]
fn the_end_of_a_long_frame_is_no_more_believed_than_that_of_a_short_one() {
    let others = format!("{}\n{}\n", frame("kernel", PACKET), frame("rep", REP));
    for count in [300, 1_500] {
        let end = format!("llo\n{}", format!("{REP}\n{PACKET}\n").repeat(count));
        assert!(end.len() > 64 << 10);
        let given = given(&format!("{end}{others}"));
        let last = 2 * count as u64 + 3;
        assert_eq!((&*given.packets, &*given.evidence), (&[last - 1][..], &[last][..]), "{count}");
        assert_eq!(given.refused.len(), 2 * count);
    }
}

#[test]
fn a_log_that_begins_inside_a_line_is_read_if_it_is_not_one_of_frames() {
    let document = "{\n  \"a\": 1\n}";
    for (end, count) in [("", 0), ("llo", 0), ("\"data\":{}}", 0), ("ell-1 kernel: x", 0)] {
        let log = format!("{end}\n{REP}\n{document}\n{PACKET}\n999 <14>1 - - a - - - x\n");
        assert!(begins_inside_a_line(&log), "{log}");
        let given = given(&log);
        assert_eq!((&*given.packets, &*given.evidence), (&[6][..], &[2][..]), "{log}");
        assert_eq!(given.refused.len(), count);
    }
    // Memory is bounded: no frame is so long.
    let (mut lines, mut passed) = (LogLines::new(), 0);
    let line = format!("{REP}\n");
    let count = (1_000_000 / line.len()) + 2;
    lines.push(b"llo\n", |_| passed += 1);
    for n in 0..count {
        assert!(n + 2 >= count || passed == 1, "{n}");
        lines.push(line.as_bytes(), |_| passed += 1);
    }
    assert_eq!(passed, count + 1);
}

#[test]
fn lines_that_wait_for_a_frame_are_passed_on_when_nothing_comes() {
    let (mut lines, mut passed) = (LogLines::new(), 0);
    lines.push(format!("llo\n{REP}\n{REP}\n").as_bytes(), |_| passed += 1);
    assert_eq!(passed, 1);
    lines.release(|_| passed += 1);
    assert_eq!(passed, 3);
    // A frame still makes a log of frames of it.
    let rest = format!("{REP}\n{}\n{REP}\n", frame("my-app", "hello"));
    let mut texts = Vec::new();
    lines.push(rest.as_bytes(), |line| texts.push(line.bytes.starts_with(b"{")));
    assert_eq!(texts, [false, false, true]);
}
