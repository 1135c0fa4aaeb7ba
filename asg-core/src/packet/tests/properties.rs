//! Lines that the generator prints, whole, changed, cut and put together.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::super::generator::{self, Generated};
use super::{Lenient, Packet, agree, body, is_part_of, rows};

/// The bytes that replace others: some mean something in some place, and some never do.
const CHANGES: &[u8] = b" 0129afAF:=.,[]()xSYNFDM\t\x00\xa0\xff";

/// Returns a line of any program and kind.
fn any_line() -> impl Strategy<Value = Generated> {
    prop::collection::vec(any::<u8>(), 0..400).prop_map(|choices| generator::line(&choices))
}

proptest! {
    #[test]
    fn a_line_gives_what_was_printed_and_prints_back(generated in any_line()) {
        let Generated { line, fields } = generated;
        let text = String::from_utf8_lossy(&line);
        let packet = Packet::parse(&line);
        prop_assert!(packet.is_ok(), "{}: {:?}", text, packet);
        let packet = packet.unwrap();
        prop_assert_eq!(serde_json::to_value(&packet).unwrap(), fields, "{}", text);
        prop_assert_eq!(packet.to_line(), &line[..], "{}", text);
        let lenient = Packet::parse_lenient(&line);
        prop_assert_eq!(lenient, Some(Lenient { packet, stop: None }), "{}", text);
        agree(&line);
    }

    #[test]
    fn blanks_behind_a_line_change_nothing_and_are_printed_back(generated in any_line(), blanks in 1_usize..4) {
        let mut line = generated.line;
        // If a line may end without a blank, its blank may mean that more was to come.
        if !line.ends_with(b" ") {
            return Ok(());
        }
        line.extend(vec![b' '; blanks]);
        let packet = Packet::parse(&line);
        prop_assert!(packet.is_ok(), "{}: {:?}", String::from_utf8_lossy(&line), packet);
        let packet = packet.unwrap();
        prop_assert_eq!(serde_json::to_value(&packet).unwrap(), generated.fields);
        prop_assert_eq!(packet.to_line(), &line[..]);
        agree(&line);
    }

    #[test]
    fn a_changed_line_is_read_alike(
        generated in any_line(),
        at: prop::sample::Index,
        byte in prop::sample::select(CHANGES.to_vec()),
        is_more: bool,
    ) {
        let mut line = generated.line;
        let at = at.index(line.len());
        if is_more {
            line.insert(at, byte);
        } else {
            line[at] = byte;
        }
        agree(&line);
        line.remove(at);
        agree(&line);
        let printed = Packet::parse(&line).map(|packet| packet.to_line());
        prop_assert!(printed.is_err() || printed == Ok(line));
    }

    #[test]
    fn a_captured_line_changed_is_read_alike(
        row: prop::sample::Index,
        at: prop::sample::Index,
        byte in prop::sample::select(CHANGES.to_vec()),
        is_more: bool,
    ) {
        static CAPTURED: LazyLock<Vec<String>> =
            LazyLock::new(|| rows().into_iter().map(|(_, line, _)| body(&line).to_owned()).collect());
        let mut line = row.get(&CAPTURED).clone().into_bytes();
        let at = at.index(line.len());
        agree(&line[..at]);
        if is_more {
            line.insert(at, byte);
        } else {
            line[at] = byte;
        }
        agree(&line);
        line.remove(at);
        agree(&line);
    }

    #[test]
    fn lines_put_together_are_read_alike(
        a in any_line(), b in any_line(), at: prop::sample::Index, from: prop::sample::Index,
    ) {
        // Cut at the ends of words, so that most of the results are nearly a line.
        let ends = |line: &[u8]| -> Vec<usize> { (1..line.len()).filter(|&n| line[n - 1] == b' ').collect() };
        let cut = |line: &[u8], index: &prop::sample::Index| {
            let ends = ends(line);
            if ends.is_empty() { line.len() } else { ends[index.index(ends.len())] }
        };
        let line = [&a.line[..cut(&a.line, &at)], &b.line[cut(&b.line, &from)..]].concat();
        agree(&line);
        let printed = Packet::parse(&line).map(|packet| packet.to_line());
        prop_assert!(printed.is_err() || printed == Ok(line));
    }

    #[test]
    fn a_cut_line_never_says_what_the_whole_line_does_not(generated in any_line(), at: prop::sample::Index) {
        let Generated { line, fields } = generated;
        let cut = &line[..at.index(line.len())];
        agree(cut);
        let Some(Lenient { packet, stop: Some(stop) }) = Packet::parse_lenient(cut) else {
            return Ok(());
        };
        // A prefix that contains two names itself looks like a packet's beginning until the real
        // names come.
        if packet.prefix.is_empty() && fields["prefix"] == "IN=fake OUT=fake " {
            return Ok(());
        }
        let read = serde_json::to_value(&packet).unwrap();
        prop_assert!(stop.offset() <= cut.len());
        prop_assert!(stop.is_cut(), "{}: {}", String::from_utf8_lossy(cut), stop);
        prop_assert_eq!(&read["cut"], &Value::Bool(true));
        prop_assert!(is_part_of(&read, &fields), "{}\n{}", String::from_utf8_lossy(cut), read);
    }

    #[test]
    fn any_bytes_are_read_alike(line in prop::collection::vec(any::<u8>(), 0..200)) {
        agree(&line);
        agree(&[b"IN=a OUT=b SRC=1.2.3.4 ", &line[..]].concat());
    }
}
