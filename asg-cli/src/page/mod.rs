//! One page of HTML about logs: what they cover, who talks to what, what was denied.
//!
//! The page loads nothing. Its own script only sorts and searches tables.
//!
//! | module | what |
//! |---|---|
//! | `html` | text that cannot become markup |
//! | `table` | tables, and rows by the names of their columns |
//! | `draw`, `scale` | parts of pictures; scales of packets and times |
//! | `timeline`, `matrix`, `bars` | the pictures |
//! | `sections` | the sections of the page |

mod bars;
mod draw;
mod html;
mod matrix;
mod scale;
mod sections;
mod table;
#[cfg(test)]
mod tests;
mod timeline;

use asg_core::Timestamp;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use self::html::{Html, grouped};
pub(crate) use self::scale::span;
use self::sections::{Section, sections};
use self::table::Named;
use crate::answers::Found;
use crate::check::{Facts, Given};
use crate::output::zone::Zone;

/// The contents of a page.
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) zone: Zone,
    pub(crate) found: Found,
    /// The coverage of the logs; `None` for saved flows.
    pub(crate) coverage: Option<(Facts, Given)>,
    /// The rules that leave lines, and the codes of packets that leave none; `None` without rules.
    pub(crate) rules: Option<Rules>,
    pub(crate) files: Vec<File>,
    pub(crate) commands: Commands,
    /// Rows of a table, at most.
    pub(crate) most: usize,
    /// When the page is made.
    pub(crate) made: Option<Timestamp>,
}

/// A log that was read.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) lines: u64,
    /// Its lines by class.
    pub(crate) classes: String,
}

/// The coverage of the logs by security groups.
pub(crate) struct Rules {
    /// Space, phase, lines, rule.
    pub(crate) entries: Vec<[String; 4]>,
    /// Sentences about packets that leave no line.
    pub(crate) blind: Vec<&'static str>,
}

/// Commands, as a shell reads them.
pub(crate) struct Commands {
    /// The command that made the page.
    pub(crate) this: String,
    pub(crate) senders: String,
    pub(crate) pairs: String,
    pub(crate) timeline: String,
    pub(crate) episodes: String,
    /// `None` if another time limits the packets.
    pub(crate) new: Option<String>,
    pub(crate) reasons: String,
    pub(crate) coverage: String,
}

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Returns the browser's policy: only the style and the script above may load or run.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    )
}

impl Page {
    /// Returns the text of the page.
    pub(crate) fn text(&self) -> String {
        let mut page = Html::default();
        page.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n");
        page.raw("<meta http-equiv=\"Content-Security-Policy\"").attribute("content", &policy());
        page.raw("/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>");
        page.raw("<meta name=\"generator\"").attribute("content", &version()).raw("/>\n");
        page.element("title", &self.title);
        page.raw("<style>").raw(STYLE).raw("</style></head>\n<body><header>");
        page.element("h1", &self.title);
        page.raw("<p class=\"lead\">");
        self.lead(&mut page);
        page.raw("</p>");
        self.tiles(&mut page);
        let sections = sections(self);
        page.raw("<nav aria-label=\"Contents\">");
        for Section { name, title, .. } in &sections {
            page.raw("<a").attribute("href", &format!("#{name}")).raw(">").text(title).raw("</a>");
        }
        page.raw("</nav></header>\n<main>\n");
        for Section { name, title, body } in &sections {
            page.raw("<section").attribute("id", name).raw(">");
            page.element("h2", title).part(body).raw("</section>\n");
        }
        page.raw("</main>\n<footer><p>").text(&version());
        page.raw("; this page loads nothing and sends nothing.</p></footer>\n<script>");
        page.raw(SCRIPT).raw("</script></body></html>\n");
        page.as_str().to_owned()
    }

    /// Writes the time that the packets cover.
    fn lead(&self, page: &mut Html) {
        let sums = &self.found.sums;
        match sums.first.zip(sums.last) {
            Some((first, last)) => {
                page.raw("Packets of application security groups from ").time(first, &self.zone);
                page.raw(" to ").time(last, &self.zone).text(&format!(" ({})", self.zone.name()));
            }
            None if sums.packets > 0 => {
                page.raw("Packets of application security groups, without times");
            }
            None => {
                page.raw("There are no packets to report");
            }
        }
    }

    fn tiles(&self, page: &mut Html) {
        let sums = &self.found.sums;
        let apps = Named::all(&self.found.senders);
        let apps = apps.iter().filter(|row| row.text("owner").is_some()).count();
        let share = |n: u64| match sums.packets {
            0 => String::new(),
            all => format!(" ({})", percent(n, all)),
        };
        let neither = sums.packets - sums.allowed - sums.denied;
        let mut tiles = vec![
            ("tile", grouped(sums.packets), "packets".to_owned()),
            ("tile allowed", grouped(sums.allowed), format!("allowed{}", share(sums.allowed))),
            ("tile denied", grouped(sums.denied), format!("denied{}", share(sums.denied))),
            ("tile", grouped(apps as u64), "apps and other owners".to_owned()),
            ("tile", grouped(self.destinations() as u64), "destinations".to_owned()),
        ];
        if neither > 0 {
            let tile = ("tile", grouped(neither), format!("without a verdict{}", share(neither)));
            tiles.insert(3, tile);
        }
        page.raw("<div class=\"tiles\">");
        for (class, number, text) in tiles {
            page.raw("<div").attribute("class", class).raw(">").element("b", &number);
            page.element("span", &text).raw("</div>");
        }
        page.raw("</div>");
    }

    /// Returns the number of addresses with ports.
    fn destinations(&self) -> usize {
        let rows = Named::all(&self.found.pairs);
        let all: std::collections::HashSet<_> = rows.iter().map(Named::destination).collect();
        all.len()
    }
}

fn version() -> String {
    format!("asglog {}", env!("CARGO_PKG_VERSION"))
}

/// Formats a share to the nearest percent. A share of some is neither 0% nor 100%.
fn percent(n: u64, all: u64) -> String {
    let all = u128::from(all.max(1));
    match (u128::from(n) * 200 + all) / (2 * all) {
        0 if n > 0 => "<1%".to_owned(),
        100 if u128::from(n) < all => ">99%".to_owned(),
        percent => format!("{percent}%"),
    }
}

#[cfg(test)]
mod number_tests {
    use super::*;

    #[test]
    fn some_are_neither_none_nor_all() {
        let all = [(0, 0), (0, 9), (1, 1_000), (1, 3), (2, 3), (999, 1_000), (9, 9)];
        let texts = all.map(|(n, all)| percent(n, all));
        assert_eq!(texts, ["0%", "0%", "<1%", "33%", "67%", ">99%", "100%"]);
    }

    #[test]
    fn the_policy_of_the_page_is_whole() {
        let policy = html::escape(&policy());
        assert!(policy.ends_with("form-action &#39;none&#39;"), "{policy}");
    }
}
