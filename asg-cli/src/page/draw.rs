//! Parts of pictures. Colours are classes, so that the page's style decides them: on a dark screen,
//! on a light one and on paper.

use svg::node::Blob;
use svg::node::element::Element;
use svg::node::{Node as _, Value};

use super::html::escape;

/// The width of all pictures.
pub(crate) const WIDTH: f64 = 960.0;

/// The width of a character in labels, on average.
pub(crate) const LETTER: f64 = 7.2;

/// The side of a text at its place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Returns a picture of this height. Screen readers read its title.
pub(crate) fn picture(height: f64, title: &str) -> Element {
    let mut picture = node("svg", "chart");
    picture.assign("viewBox", format!("0 0 {WIDTH} {}", tenths(height)));
    picture.assign("role", "img");
    picture.append(text_node("title", title));
    picture
}

/// Returns an element with a class.
pub(crate) fn node(name: &'static str, class: &str) -> Element {
    let mut node = Element::new(name);
    if !class.is_empty() {
        node.assign("class", class);
    }
    node
}

fn text_node(name: &'static str, text: &str) -> Element {
    let mut node = Element::new(name);
    node.append(Blob::new(escape(text)));
    node
}

/// Returns a rectangle with its upper left corner at this place.
pub(crate) fn rectangle(class: &str, [x, y]: [f64; 2], [width, height]: [f64; 2]) -> Element {
    let mut node = node("rect", class);
    put(&mut node, [("x", x), ("y", y), ("width", width), ("height", height)]);
    node
}

/// Returns a circle around this place.
pub(crate) fn circle(class: &str, [x, y]: [f64; 2], radius: f64) -> Element {
    let mut node = node("circle", class);
    put(&mut node, [("cx", x), ("cy", y), ("r", radius)]);
    node
}

/// Returns a line from one place to another.
pub(crate) fn line(class: &str, from: [f64; 2], to: [f64; 2]) -> Element {
    let mut node = node("line", class);
    put(&mut node, [("x1", from[0]), ("y1", from[1]), ("x2", to[0]), ("y2", to[1])]);
    node
}

/// Returns a text at this place.
pub(crate) fn label(class: &str, [x, y]: [f64; 2], anchor: Anchor, text: &str) -> Element {
    let mut node = text_node("text", text);
    put(&mut node, [("x", x), ("y", y)]);
    if !class.is_empty() {
        node.assign("class", class);
    }
    match anchor {
        Anchor::Start => {}
        Anchor::Middle => node.assign("text-anchor", "middle"),
        Anchor::End => node.assign("text-anchor", "end"),
    }
    node
}

/// Returns the element, turned around a place.
pub(crate) fn turned(mut node: Element, degrees: i32, [x, y]: [f64; 2]) -> Element {
    node.assign("transform", format!("rotate({degrees} {} {})", tenths(x), tenths(y)));
    node
}

/// Returns the element with a text that appears below the mouse pointer.
pub(crate) fn told(mut node: Element, text: &str) -> Element {
    node.append(text_node("title", text));
    node
}

fn put<const N: usize>(node: &mut Element, values: [(&'static str, f64); N]) {
    for (name, value) in values {
        node.assign(name, Value::from(tenths(value)));
    }
}

/// Formats a number to a tenth.
fn tenths(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Returns at most so many characters from the end of a text, behind `…` if some are missing.
pub(crate) fn tail(text: &str, most: usize) -> String {
    let n = text.chars().count();
    if n <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(n + 1 - most).collect();
    format!("…{kept}")
}

/// Returns the width of a label with so many characters.
#[allow(clippy::cast_precision_loss, reason = "a label has some dozens of characters")]
pub(crate) fn width(letters: usize) -> f64 {
    letters as f64 * LETTER
}
