//! Pictures of nothing, of one, of 20 and of 300 apps: labels are inside and do not overlap.

use asg_core::{Timestamp, Verdict};
use roxmltree::{Document, Node};
use svg::node::element::Element;

use super::bars::{Sender, bars};
use super::draw::{LETTER, WIDTH};
use super::matrix::{Pair, matrix};
use super::timeline::timeline;
use crate::answers::Spans;
use crate::output::zone::Zone;

const SIZES: [usize; 4] = [0, 1, 20, 300];

/// A label: its place, turned so that it lies flat, and its text.
struct Label {
    degrees: i32,
    left: f64,
    right: f64,
    base: f64,
    text: String,
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

fn height(document: &Document<'_>) -> f64 {
    let view = document.root_element().attribute("viewBox").unwrap();
    view.split(' ').next_back().unwrap().parse().unwrap()
}

fn labels(document: &Document<'_>) -> Vec<Label> {
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| {
            let text = node.text().unwrap().trim().to_owned();
            let (x, y) = (number(node, "x"), number(node, "y"));
            #[allow(clippy::cast_precision_loss, reason = "a label has some dozens of characters")]
            let width = text.chars().count() as f64 * LETTER;
            let left = match node.attribute("text-anchor") {
                Some("end") => x - width,
                Some("middle") => x - width / 2.0,
                _ => x,
            };
            let turn = node.attribute("transform").and_then(|it| it.strip_prefix("rotate("));
            let degrees = turn.map_or(0, |it| it.split(' ').next().unwrap().parse().unwrap());
            Label { degrees, left, right: left + width, base: y, text }
        })
        .collect()
}

/// Panics if labels overlap or leave the picture. Leaning labels are parallel, so their distance
/// counts.
fn assert_readable(picture: &Element) {
    let text = picture.to_string();
    let document = Document::parse(&text).unwrap();
    let (all, height) = (labels(&document), height(&document));
    assert!(!all.is_empty());
    for label in &all {
        assert!(!label.text.is_empty());
        assert!((8.0..height).contains(&label.base), "{} at {}", label.text, label.base);
        if label.degrees == 0 {
            assert!(label.left >= -0.1 && label.right <= WIDTH + 0.1, "{}", label.text);
        }
        if label.degrees == -60 {
            let end = label.left + (label.right - label.left) / 2.0;
            let top = label.base - (label.right - label.left) * 0.87;
            assert!(end <= WIDTH + 0.1 && top >= 0.0, "{} ends at {end}, {top}", label.text);
        }
    }
    for (n, one) in all.iter().enumerate() {
        for other in &all[n + 1..] {
            if one.degrees != other.degrees {
                continue;
            }
            let is_near = match one.degrees {
                0 => {
                    (one.base - other.base).abs() < 9.0
                        && one.left < other.right
                        && other.left < one.right
                }
                // The distance of parallel lines.
                -60 => (one.left - other.left).abs() * 0.87 < 12.0,
                _ => (one.base - other.base).abs() < one.right - one.left,
            };
            assert!(!is_near, "{:?} and {:?} overlap", one.text, other.text);
        }
    }
}

fn pair(app: usize, destination: usize, packets: u64) -> Pair {
    Pair {
        app: format!("an-app-with-a-name-of-some-length-{app}"),
        owner: Some(app.to_string()),
        destination: format!("[fd00:1234:5678::{destination}]:5432 TCP"),
        packets,
        allowed: packets - packets / 3,
        denied: packets / 3,
    }
}

#[test]
fn a_matrix_grows_with_its_rows_and_its_labels_are_apart() {
    let mut heights = Vec::new();
    for size in SIZES {
        let pairs: Vec<_> = (0..size)
            .flat_map(|app| {
                (0..size.min(40)).map(move |to| pair(app, app + to, (app * to) as u64 + 1))
            })
            .collect();
        let Some(found) = matrix(&pairs) else {
            assert_eq!(size, 0);
            continue;
        };
        assert_readable(&found.drawn);
        assert_eq!(found.apps, [size.min(40), size]);
        let text = found.drawn.to_string();
        assert!(text.len() < 400_000, "{}", text.len());
        assert_eq!(text.contains("260 other apps"), size == 300);
        // Whatever has no place of its own is in the last row and column.
        let document = Document::parse(&text).unwrap();
        let marks = document.descendants().filter(|node| node.has_tag_name("g"));
        let titles = marks.filter_map(|node| {
            node.children().find(|it| it.has_tag_name("title")).and_then(|it| it.text())
        });
        let sum: u64 = titles
            .map(|title| {
                let words: Vec<_> = title.trim().rsplit(": ").next().unwrap().split(' ').collect();
                let count = |n: usize| words[n].replace(',', "").parse::<u64>().unwrap();
                count(0) + count(2)
            })
            .sum();
        assert_eq!(sum, pairs.iter().map(|pair| pair.packets).sum::<u64>());
        heights.push(height(&document));
    }
    assert!(heights.is_sorted_by(|one, other| one < other), "{heights:?}");
}

#[test]
fn bars_grow_with_their_rows_and_a_single_packet_has_one() {
    let mut heights = Vec::new();
    for size in SIZES {
        let senders: Vec<_> = (0..size)
            .map(|n| Sender {
                app: format!("an-app-with-a-name-of-some-length-{n}"),
                allowed: 9_u64.pow(20 - u32::try_from(n % 20).unwrap()),
                denied: u64::from(n == 0),
            })
            .collect();
        let Some(drawn) = bars(&senders) else {
            assert_eq!(size, 0);
            continue;
        };
        assert_readable(&drawn);
        let text = drawn.to_string();
        let document = Document::parse(&text).unwrap();
        let denied = document.descendants().find(|it| it.attribute("class") == Some("denied"));
        assert!(number(denied.unwrap(), "width") >= 5.0);
        heights.push(height(&document));
    }
    assert!(heights.is_sorted(), "{heights:?}");
}

#[test]
fn a_timeline_has_labels_for_any_time_and_shows_a_single_packet() {
    assert!(timeline(&Spans::new(120), &Zone::default()).is_none());
    let first = Timestamp::parse(b"2024-03-30T22:50:09Z").unwrap().as_nanos();
    for zone in ["UTC", "Europe/Berlin"].map(|zone| Zone::named(zone).unwrap()) {
        for seconds in [0, 3, 100, 4_000, 90_000, 900_000, 9_000_000, 900_000_000] {
            for packets in SIZES {
                let mut spans = Spans::new(120);
                let at =
                    |part: i64| Some(Timestamp::from_nanos(first + seconds * 10_000_000 * part));
                spans.add(at(0), Some(Verdict::Denied));
                for n in 0..packets {
                    spans.add(at(100), Some(Verdict::Allowed));
                    spans.add(at((n % 100).try_into().unwrap()), None);
                }
                let drawn = timeline(&spans, &zone).unwrap();
                assert_readable(&drawn);
                let text = drawn.to_string();
                let document = Document::parse(&text).unwrap();
                let bars = document.descendants().filter(|it| it.has_tag_name("rect"));
                assert!(bars.clone().all(|bar| number(bar, "height") >= 4.0), "{seconds}");
                let right = bars.map(|bar| number(bar, "x") + number(bar, "width"));
                assert!(right.fold(0.0, f64::max) <= WIDTH);
            }
        }
    }
}
