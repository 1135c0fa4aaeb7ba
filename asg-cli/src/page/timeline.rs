//! The picture of packets over time: a panel for each verdict, so that few denied packets are seen
//! beside many allowed ones.

use asg_core::Timestamp;
use svg::node::Node as _;
use svg::node::element::Element;

use super::draw::{Anchor, WIDTH, label, line, picture, rectangle, told, turned, width};
use super::html::{count, grouped};
use super::scale::{Log, Times, span};
use crate::answers::{Spans, Verdicts};
use crate::output::zone::Zone;

/// The sides beside the panels.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 16.0;
/// The space above a panel, with its title.
const TITLE: f64 = 30.0;
/// The labels of times.
const BELOW: f64 = 58.0;

/// A panel: its title, its class, its height, and its packets.
type Panel = (&'static str, &'static str, f64, fn(&Verdicts) -> u64);

const PANELS: [Panel; 3] = [
    ("Allowed", "allowed", 150.0, |it| it.allowed),
    ("Denied", "denied", 110.0, |it| it.denied),
    ("No verdict", "neither", 80.0, |it| it.neither),
];

/// Draws the picture; `None` if no packet has a time.
pub(crate) fn timeline(spans: &Spans, zone: &Zone) -> Option<Element> {
    let all: Vec<(Timestamp, Verdicts)> = spans.iter().collect();
    let (first, _) = *all.first()?;
    let (last, _) = *all.last()?;
    let length = spans.seconds().saturating_mul(1_000_000_000);
    let end = Timestamp::from_nanos(last.as_nanos().saturating_add(length));
    // No denied packet is an answer; a panel for packets without a verdict is seldom needed.
    let is_needed = |class: &str| class != "neither" || all.iter().any(|(_, it)| it.neither > 0);
    let shown: Vec<&Panel> = PANELS.iter().filter(|(_, class, ..)| is_needed(class)).collect();
    let height = shown.iter().map(|(_, _, height, _)| height + TITLE).sum::<f64>() + BELOW;
    let each = span(spans.seconds());
    let mut drawn = picture(height, &format!("Packets in spans of {each}, by verdict"));
    let times = Times::new(first, end, WIDTH - LEFT - RIGHT);
    let bar = times.of(Timestamp::from_nanos(first.as_nanos().saturating_add(length)));
    let ticks = times.ticks(zone);
    let mut top = 0.0;
    for (title, class, height, of) in shown {
        top += TITLE;
        let base = top + height;
        let most = all.iter().map(|(_, it)| of(it)).max().unwrap_or(0);
        let sum: u64 = all.iter().map(|(_, it)| of(it)).sum();
        let scale = Log::new(most, *height);
        let head = format!("{title}: {}", count(sum, "packet"));
        drawn.append(label("head", [LEFT, top - 10.0], Anchor::Start, &head));
        for (at, text) in scale.ticks(14.0) {
            let y = base - at;
            drawn.append(line("grid", [LEFT, y], [WIDTH - RIGHT, y]));
            drawn.append(label("tick", [LEFT - 8.0, y + 4.0], Anchor::End, &text));
        }
        for (at, _, _) in &ticks {
            drawn.append(line("grid", [LEFT + at, top], [LEFT + at, base]));
        }
        for (start, verdicts) in &all {
            let packets = of(verdicts);
            if packets == 0 {
                continue;
            }
            let (x, tall) = (LEFT + times.of(*start), scale.of(packets));
            let gap = if bar > 4.0 { 1.0 } else { 0.0 };
            let size = [(bar - gap).max(1.0), tall];
            let shown = rectangle(class, [x, base - tall], size);
            let what = title.to_lowercase();
            let text = format!("{}: {} {what}", zone.whole(*start), grouped(packets));
            drawn.append(told(shown, &text));
        }
        drawn.append(line("axis", [LEFT, base], [WIDTH - RIGHT, base]));
        let middle = [16.0, top + height / 2.0];
        drawn.append(turned(label("unit", middle, Anchor::Middle, "packets (log)"), -90, middle));
        top = base;
    }
    for (at, text, date) in &ticks {
        let x = LEFT + at;
        drawn.append(line("axis", [x, top], [x, top + 5.0]));
        let lines = std::iter::once(text).chain(date).zip([19.0, 34.0]);
        for (text, down) in lines {
            let half = width(text.chars().count()) / 2.0;
            let at = [x.clamp(half, WIDTH - half), top + down];
            drawn.append(label("tick", at, Anchor::Middle, text));
        }
    }
    let unit = format!("time ({}), each bar {each}", zone.name());
    let at = [WIDTH - RIGHT, top + 52.0];
    drawn.append(label("unit", at, Anchor::End, &unit));
    Some(drawn)
}
