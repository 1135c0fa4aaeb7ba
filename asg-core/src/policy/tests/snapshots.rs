//! Reading snapshots.

use super::*;

fn read(text: &str, taken_at: Option<&str>) -> Result<Vec<String>, String> {
    let snapshots = Snapshot::parse(text.as_bytes(), taken_at.map(time));
    let shown = |snapshot: Snapshot| {
        let guids: Vec<&str> = snapshot.groups.iter().map(|group| group.guid.as_str()).collect();
        let assumed = if snapshot.assumed { "assumed " } else { "" };
        let changed = if snapshot.changed { "changed " } else { "" };
        let (at, complete) = (snapshot.taken_at, snapshot.complete);
        format!("{at} {assumed}{changed}{complete} {}", guids.join(","))
    };
    snapshots.map(|list| list.into_iter().map(shown).collect()).map_err(|error| error.to_string())
}

const A: &str = r#"{"guid":"a","rules":[]}"#;
const B: &str = r#"{"guid":"b","rules":[]}"#;

#[test]
fn a_snapshot_is_a_page_or_pages_in_any_of_these_forms() {
    let own = r#""taken_at":"2026-03-01T12:00:00Z","complete":true"#;
    for text in [
        format!(r#"{{{own},"pagination":{{"total_results":2}},"resources":[{A},{B}]}}"#),
        format!(r#"{{{own},"pages":[{{"resources":[{A}]}},{{"resources":[{B}]}}]}}"#),
        format!(r#"{{{own}}} {{"resources":[{A}]}} {{"resources":[{B}]}}"#),
        format!("[{{{own},\"resources\":[{A}]}},\n{{\"resources\":[{B}]}}]"),
        format!(r#"{{{own},"resources":[{A}]}}{{{own},"resources":[{B}]}}"#),
    ] {
        assert_eq!(read(&text, None).unwrap(), ["2026-03-01T12:00:00Z true a,b"], "{text}");
    }
}

#[test]
fn pages_without_a_time_have_the_callers_and_are_assumed_complete() {
    let pages = format!(r#"{{"resources":[{A}]}}{{"resources":[{B}]}}"#);
    let at = Some("2026-03-01T12:00:00Z");
    assert_eq!(read(&pages, at).unwrap(), ["2026-03-01T12:00:00Z assumed true a,b"]);
    insta::assert_snapshot!(read(&pages, None).unwrap_err(), @"byte 0: expected `taken_at`, or a time by the caller");
}

#[test]
fn a_missing_page_or_a_changed_group_makes_a_snapshot_incomplete() {
    let at = Some("2026-03-01T12:00:00Z");
    let first = format!(r#"{{"pagination":{{"total_results":2}},"resources":[{A}]}}"#);
    assert_eq!(read(&first, at).unwrap(), ["2026-03-01T12:00:00Z assumed false a"]);
    let both = format!(r#"{first}{{"pagination":{{"total_results":2}},"resources":[{B}]}}"#);
    assert_eq!(read(&both, at).unwrap(), ["2026-03-01T12:00:00Z assumed true a,b"]);
    let twice = format!(r#"{{"resources":[{A}]}}{{"resources":[{A},{B}]}}"#);
    assert_eq!(read(&twice, at).unwrap(), ["2026-03-01T12:00:00Z assumed changed false a,b"]);
    let count = |total: u32, group: &str| {
        format!(r#"{{"pagination":{{"total_results":{total}}},"resources":[{group}]}}"#)
    };
    let grown = format!("{}{}", count(1, A), count(2, B));
    assert_eq!(read(&grown, at).unwrap(), ["2026-03-01T12:00:00Z assumed changed false a,b"]);
    // The first page's group moved to the second, and pushed another out of it.
    let moved = format!("{}{}", count(2, A), count(2, A));
    assert_eq!(read(&moved, at).unwrap(), ["2026-03-01T12:00:00Z assumed changed false a"]);
    let changed = r#"{"guid":"a","name":"other","rules":[]}"#;
    let changed = format!(r#"{{"resources":[{A}]}}{{"resources":[{changed},{B}]}}"#);
    assert_eq!(read(&changed, at).unwrap(), ["2026-03-01T12:00:00Z assumed changed false a,b"]);
    let narrow =
        format!(r#"{{"taken_at":"2026-03-01T12:00:00Z","complete":false,"resources":[{A}]}}"#);
    assert_eq!(read(&narrow, None).unwrap(), ["2026-03-01T12:00:00Z false a"]);
}

#[test]
fn pages_of_one_instant_in_two_files_are_one_snapshot() {
    let page = |group: &str| {
        let text = format!(r#"{{"pagination":{{"total_results":2}},"resources":[{group}]}}"#);
        Snapshot::parse(text.as_bytes(), Some(time("2026-03-01T12:00:00Z"))).unwrap()
    };
    let later = Snapshot::new(time("2026-03-01T11:00:00Z"), true, Vec::new());
    let pages: Vec<Snapshot> = page(A).into_iter().chain(page(B)).chain([later]).collect();
    let policy = Policy::new(pages, CellSettings::default());
    let shown: Vec<_> =
        policy.snapshots().map(|s| (s.taken_at.to_string(), s.complete, s.groups.len())).collect();
    assert_eq!(
        shown,
        [
            ("2026-03-01T11:00:00Z".to_owned(), true, 0),
            ("2026-03-01T12:00:00Z".to_owned(), true, 2),
        ]
    );
}

#[test]
fn what_one_part_of_a_listing_lacks_no_other_part_makes_up_for() {
    let at = time("2026-03-01T12:00:00Z");
    let joined = |parts: &[String]| {
        let parts =
            parts.iter().flat_map(|text| Snapshot::parse(text.as_bytes(), Some(at)).unwrap());
        let policy = Policy::new(parts.collect(), CellSettings::default());
        let one = policy.snapshots().next().unwrap();
        (one.complete, one.changed)
    };
    let page = |more: &str, total: u32, groups: &str| {
        format!(r#"{{{more}"pagination":{{"total_results":{total}}},"resources":[{groups}]}}"#)
    };
    let both = format!("{A},{B}");
    assert_eq!(joined(&[page("", 2, A), page("", 2, B)]), (true, false));
    assert_eq!(joined(&[page("", 2, &both), page("", 2, &both)]), (true, false), "given twice");
    let narrow = page(r#""complete":false,"#, 2, &both);
    assert_eq!(joined(&[narrow, page("", 2, B)]), (false, true));
    assert_eq!(joined(&[page("", 3, &both), page("", 3, B)]), (false, true));
    assert_eq!(joined(&[page("", 2, A), page("", 3, B)]), (false, true));
}

#[test]
fn several_snapshots_can_follow_each_other() {
    let text = format!(
        r#"{{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[{A}]}}
           {{"taken_at":"2026-03-01T13:00:00Z","complete":false,"resources":[{A},{B}]}}"#
    );
    let expected = ["2026-03-01T12:00:00Z true a", "2026-03-01T13:00:00Z false a,b"];
    assert_eq!(read(&text, None).unwrap(), expected);
}

#[test]
fn what_is_not_a_listing_is_refused_with_its_place() {
    let refused = |text: &str| read(text, Some("2026-03-01T12:00:00Z")).unwrap_err();
    insta::assert_snapshot!(refused(""), @"byte 0: the text ends where a page of security groups was expected");
    insta::assert_snapshot!(refused(r#"{"errors":[]}"#), @"byte 0: expected a page of security groups with `resources`");
    insta::assert_snapshot!(refused(r#"{"resources":[{"guid":"a"}]}"#), @"byte 25: malformed JSON: missing field `rules`");
    insta::assert_snapshot!(refused("{\"resources\":[]}\n{\"resources\":["), @"byte 31: the text ends where more JSON was expected");
    let rule = r#"{"resources":[{"guid":"a","rules":[{"protocol":6}]}]}"#;
    insta::assert_snapshot!(refused(rule), @"byte 49: malformed JSON: `protocol` is not a string");
}

proptest! {
    #[test]
    fn any_bytes_are_snapshots_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Snapshot::parse(&bytes, Some(Timestamp::from_nanos(0)));
    }
}
