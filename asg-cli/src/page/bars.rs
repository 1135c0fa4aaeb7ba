//! The picture of the largest senders.

use svg::node::Node as _;
use svg::node::element::Element;

use super::draw::{Anchor, WIDTH, label, line, picture, rectangle, tail, told, width};
use super::html::grouped;
use super::scale::Log;

/// Rows, at most.
pub(crate) const MOST: usize = 20;

/// Characters of a label, at most.
const LETTERS: usize = 30;

const ROW: f64 = 30.0;
const BAR: f64 = 9.0;

/// An app with its packets.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) app: String,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
}

/// Draws the picture; `None` without senders.
#[allow(clippy::cast_precision_loss, reason = "a picture has some dozens of rows")]
pub(crate) fn bars(all: &[Sender]) -> Option<Element> {
    let shown = &all[..all.len().min(MOST)];
    let most = shown.iter().flat_map(|it| [it.allowed, it.denied]).max()?;
    let letters = shown.iter().map(|it| it.app.chars().count().min(LETTERS)).max().unwrap_or(0);
    let left = width(letters) + 22.0;
    let right = width(grouped(most).len()) + 12.0;
    let scale = Log::new(most, WIDTH - left - right);
    let bottom = ROW * shown.len() as f64 + 8.0;
    let title = "Allowed and denied packets of the largest senders";
    let mut drawn = picture(bottom + 44.0, title);
    for (at, text) in scale.ticks(64.0) {
        drawn.append(line("grid", [left + at, 4.0], [left + at, bottom]));
        drawn.append(label("tick", [left + at, bottom + 18.0], Anchor::Middle, &text));
    }
    for (n, sender) in shown.iter().enumerate() {
        let top = ROW * n as f64 + 8.0;
        let text = tail(&sender.app, LETTERS);
        let at = [left - 10.0, top + BAR + 4.0];
        drawn.append(told(label("tick", at, Anchor::End, &text), &sender.app));
        let verdicts = [("allowed", sender.allowed), ("denied", sender.denied)];
        for ((class, packets), y) in verdicts.into_iter().zip([top, top + BAR + 2.0]) {
            if packets == 0 {
                continue;
            }
            let long = scale.of(packets);
            let what = format!("{}: {} {class}", sender.app, grouped(packets));
            drawn.append(told(rectangle(class, [left, y], [long, BAR]), &what));
            let place = [left + long + 6.0, y + BAR - 0.5];
            drawn.append(label("value", place, Anchor::Start, &grouped(packets)));
        }
    }
    drawn.append(line("axis", [left, 4.0], [left, bottom]));
    let unit = "packets on a logarithmic scale; upper bar allowed, lower bar denied";
    drawn.append(label("unit", [left, bottom + 38.0], Anchor::Start, unit));
    Some(drawn)
}
