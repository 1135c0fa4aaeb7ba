//! The picture of who talks to what: apps in rows, destinations in columns.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use svg::node::Node as _;
use svg::node::element::Element;

use super::draw::{
    Anchor, WIDTH, circle, label, line, node, picture, rectangle, tail, told, turned, width,
};
use super::html::grouped;
use super::scale::short;

/// Rows and columns, at most.
const MOST_APPS: usize = 40;
const MOST_DESTINATIONS: usize = 22;

/// Characters of a label, at most.
const LETTERS: usize = 30;

/// The side of a cell, and of the box in it.
const CELL: f64 = 24.0;
/// The width of a cell at most, where there are few columns.
const WIDEST: f64 = 60.0;
const BOX: f64 = 18.0;

/// A pair of an app and a destination.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) app: String,
    /// Tells apps of one name apart; `None` if the owner is not known.
    pub(crate) owner: Option<String>,
    pub(crate) destination: String,
    pub(crate) packets: u64,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
}

/// A picture, and how much of everything is in it.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) drawn: Element,
    /// Apps with a row of their own, and all of them.
    pub(crate) apps: [usize; 2],
    /// Destinations with a column of their own, and all of them.
    pub(crate) destinations: [usize; 2],
    /// Whether packets without a known owner are left out.
    pub(crate) is_of_owners: bool,
}

/// The largest of a kind, in order, and all others together.
struct Axis<'p> {
    places: HashMap<(&'p str, &'p str), usize>,
    /// Whole names.
    names: Vec<String>,
    all: usize,
}

/// Draws the picture of pairs; `None` without pairs. Unknown owners are left out, unless all are.
pub(crate) fn matrix(pairs: &[Pair]) -> Option<Matrix> {
    let is_of_owners = pairs.iter().any(|pair| pair.owner.is_some());
    let pairs: Vec<&Pair> =
        pairs.iter().filter(|pair| pair.owner.is_some() || !is_of_owners).collect();
    let apps = Axis::new(&pairs, MOST_APPS, "apps", |pair| {
        (&*pair.app, pair.owner.as_deref().unwrap_or_default())
    });
    let destinations =
        Axis::new(&pairs, MOST_DESTINATIONS, "destinations", |pair| (&*pair.destination, ""));
    if pairs.is_empty() {
        return None;
    }
    let left = width(apps.letters()) + 20.0;
    // Labels of columns lean by 60 degrees.
    let top = width(destinations.letters()) * 0.87 + 34.0;
    let down = |n: usize| top + offset(n);
    #[allow(clippy::cast_precision_loss, reason = "a picture has some dozens of columns")]
    let columns = destinations.names.len() as f64;
    // The last label leans over the edge by half of its length.
    let room = WIDTH - left - width(destinations.letters()) / 2.0;
    let wide = (room / columns).clamp(CELL, WIDEST);
    let right = |n: usize| left + offset(n) / CELL * wide;
    let end = [right(destinations.names.len()), down(apps.names.len())];
    let title = "Packets by app and destination: boxes are allowed packets, circles denied ones";
    let mut drawn = picture(end[1] + 44.0, title);
    for (n, name) in destinations.names.iter().enumerate() {
        let at = [right(n) + wide / 2.0 + 4.0, top - 8.0];
        let text = label("tick", at, Anchor::Start, &tail(name, LETTERS));
        drawn.append(turned(told(text, name), -60, at));
    }
    for (n, name) in apps.names.iter().enumerate() {
        let at = [left - 10.0, down(n) + CELL / 2.0 + 4.0];
        drawn.append(told(label("tick", at, Anchor::End, &tail(name, LETTERS)), name));
    }
    for n in 0..=apps.names.len() {
        drawn.append(line("grid", [left, down(n)], [end[0], down(n)]));
    }
    for n in 0..=destinations.names.len() {
        drawn.append(line("grid", [right(n), top], [right(n), end[1]]));
    }
    let mut cells = BTreeMap::<_, [u64; 3]>::new();
    for pair in &pairs {
        let app = (&*pair.app, pair.owner.as_deref().unwrap_or_default());
        let place = (apps.place(app), destinations.place((&pair.destination, "")));
        let sums = cells.entry(place).or_default();
        for (sum, more) in sums.iter_mut().zip([pair.packets, pair.allowed, pair.denied]) {
            *sum += more;
        }
    }
    for ((row, column), sums) in cells {
        let at = [right(column) + wide / 2.0, down(row) + CELL / 2.0];
        let text = sentence(&apps.names[row], &destinations.names[column], sums);
        drawn.append(told(mark(at, sums[0] - sums[2], sums[2]), &text));
    }
    legend(&mut drawn, [left, end[1] + 26.0]);
    Some(Matrix {
        drawn,
        apps: [apps.places.len(), apps.all],
        destinations: [destinations.places.len(), destinations.all],
        is_of_owners,
    })
}

impl<'p> Axis<'p> {
    /// Creates an axis of the names with most packets, the largest first.
    fn new(
        pairs: &[&'p Pair],
        most: usize,
        what: &str,
        of: impl Fn(&'p Pair) -> (&'p str, &'p str),
    ) -> Self {
        let mut sums: HashMap<_, u64> = HashMap::new();
        for pair in pairs {
            *sums.entry(of(pair)).or_default() += pair.packets;
        }
        let mut all: Vec<_> = sums.into_iter().collect();
        all.sort_by_key(|(name, packets)| (Reverse(*packets), *name));
        let shown = || all.iter().take(most).map(|(name, _)| *name);
        let mut names: Vec<_> = shown().map(|(name, _)| name.to_owned()).collect();
        if all.len() > most {
            names.push(format!("{} other {what}", grouped((all.len() - most) as u64)));
        }
        Self { places: shown().zip(0..).collect(), names, all: all.len() }
    }

    /// Returns the place of a name; that of all others, if it has none.
    fn place(&self, name: (&str, &str)) -> usize {
        self.places.get(&name).copied().unwrap_or(self.places.len())
    }

    /// Returns the number of characters of the longest label.
    fn letters(&self) -> usize {
        self.names.iter().map(|name| name.chars().count().min(LETTERS)).max().unwrap_or(0)
    }
}

/// Draws a box for allowed packets, darker for more, and a circle for denied ones, larger for more.
fn mark([x, y]: [f64; 2], other: u64, denied: u64) -> Element {
    let mut mark = node("g", "");
    let shade = if other > 0 { format!("allowed s{}", size(other)) } else { "none".to_owned() };
    let corner = [x - BOX / 2.0, y - BOX / 2.0];
    let mut square = rectangle(&shade, corner, [BOX, BOX]);
    square.assign("rx", 3);
    mark.append(square);
    if denied > 0 {
        mark.append(circle("denied ring", [x, y], 3.0 + f64::from(size(denied))));
    }
    mark
}

/// Returns 0 for less than 10 packets, 1 for less than 100, and so on up to 4.
fn size(packets: u64) -> u32 {
    packets.checked_ilog10().unwrap_or(0).min(4)
}

fn sentence(app: &str, destination: &str, [packets, allowed, denied]: [u64; 3]) -> String {
    let verdicts = format!("{} allowed, {} denied", grouped(allowed), grouped(denied));
    let text = format!("{app} → {destination}: {verdicts}");
    match packets - allowed - denied {
        0 => text,
        other => format!("{text}, {} without a verdict", grouped(other)),
    }
}

/// Draws the meaning of boxes and circles.
fn legend(drawn: &mut Element, [x, y]: [f64; 2]) {
    // It begins at the left where labels of rows are long.
    let mut x = x.clamp(10.0, WIDTH - 880.0);
    for (title, is_denied) in [("allowed packets:", false), ("denied packets:", true)] {
        drawn.append(label("unit", [x, y + 4.0], Anchor::Start, title));
        x += width(title.len()) + 18.0;
        for power in 0..5 {
            let packets = 10_u64.pow(power);
            let (other, denied) = if is_denied { (0, packets) } else { (packets, 0) };
            drawn.append(mark([x, y], other, denied));
            let text = short(packets) + "+";
            drawn.append(label("tick", [x + 14.0, y + 4.0], Anchor::Start, &text));
            x += 32.0 + width(text.len());
        }
        x += 20.0;
    }
}

#[allow(clippy::cast_precision_loss, reason = "a picture has some dozens of rows")]
fn offset(n: usize) -> f64 {
    n as f64 * CELL
}
