//! The sections of a page.

use std::collections::{BTreeMap, HashMap};

use asg_core::ledger::Reason;

use super::bars::{self, Sender, bars};
use super::html::{Html, count, grouped};
use super::matrix::{Matrix, Pair, matrix};
use super::scale::span;
use super::table::{Head, Kind, Named, SUMS, destination, number, owner, table, text, time};
use super::timeline::timeline;
use super::{File, Page, Rules, percent, version};
use crate::answers::Whys;
use crate::check::Finding;

/// A section.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) body: Html,
}

/// Writes all sections of the page.
pub(crate) fn sections(page: &Page) -> Vec<Section> {
    type Write = fn(&Page, &mut Html);
    let all: [(&'static str, &'static str, bool, Write); 9] = [
        ("coverage", "What these logs cover, and what not", true, coverage),
        ("timeline", "Allowed and denied over time", true, over_time),
        ("matrix", "Who talks to what", true, who_to_what),
        ("denied", "Denied episodes", true, denied),
        ("new", "New destinations", true, new),
        ("top", "Largest senders", true, top),
        ("unknown", "Packets without a known owner", true, unknown),
        ("rules", "What the rules let the logs show", page.rules.is_some(), rules),
        ("about", "About this report", true, about),
    ];
    let section = |(name, title, _, write): (_, _, _, Write)| {
        let mut body = Html::default();
        write(page, &mut body);
        Section { name, title, body }
    };
    all.into_iter().filter(|(_, _, is_there, _)| *is_there).map(section).collect()
}

fn coverage(page: &Page, out: &mut Html) {
    certainty(page, out);
    let Some((facts, given)) = &page.coverage else {
        out.raw("<p>These are saved flows: what their logs could not answer was known when they were saved.</p>");
        return;
    };
    let answers = facts.answers();
    if !answers.is_empty() {
        out.raw("<h3>They can answer</h3><ul class=\"yes\">");
        for answer in &answers {
            out.element("li", answer);
        }
        out.raw("</ul>");
    }
    let found = facts.findings(given);
    if !found.is_empty() {
        out.raw("<h3>They cannot answer more, because</h3><ul class=\"no\">");
        for Finding { what, cure, command, .. } in &found {
            out.raw("<li>").text(what).raw("<br/><span class=\"dim\">").text(cure).raw("</span>");
            if let Some(command) = command {
                out.command(command);
            }
            out.raw("</li>");
        }
        out.raw("</ul><p class=\"next\">Next, type: ");
        out.command(&facts.next(&found, given)).raw("</p>");
    }
}

/// Writes how sure the owners are.
fn certainty(page: &Page, out: &mut Html) {
    let all = page.found.sums.packets;
    if all == 0 {
        return;
    }
    let rows = Named::all(&page.found.certainties);
    let sum = |words: &[&str]| -> u64 {
        let is_one = |row: &&Named<'_>| row.text("certainty").is_some_and(|it| words.contains(&it));
        rows.iter().filter(is_one).map(|row| row.number("packets")).sum()
    };
    let certain = sum(&["exact", "unique_prefix"]);
    let (inferred, unknown) = (sum(&["inferred"]), sum(&["ambiguous", "unknown"]));
    out.raw("<p>The owner is <b>certain</b> for ").text(&part(certain, all));
    out.raw(", because the line shows the whole handle or the beginning of one known handle only. It is <b>inferred</b> from \
        an address for ").text(&part(inferred, all));
    out.raw(", and <b>not known</b> for ").text(&part(unknown, all)).raw(".</p>");
}

/// Formats a count and its share: `12 packets (3%)`.
fn part(n: u64, all: u64) -> String {
    format!("{} ({})", count(n, "packet"), percent(n, all))
}

fn over_time(page: &Page, out: &mut Html) {
    let spans = &page.found.timeline;
    let Some(drawn) = timeline(spans, &page.zone) else {
        return empty(out, "No packet has a time, so there is nothing to draw.");
    };
    let untimed = spans.untimed.allowed + spans.untimed.denied + spans.untimed.neither;
    out.raw("<p class=\"dim\">Each bar counts the packets of ").text(&span(spans.seconds()));
    out.raw(". The scales are logarithmic: a single packet can be seen.");
    if untimed > 0 {
        out.text(&format!(
            " {} without a time {} left out.",
            count(untimed, "packet"),
            verb(untimed)
        ));
    }
    out.raw("</p><figure>").picture(&drawn).raw("</figure>");
    same(out, &page.commands.timeline);
}

const fn verb(n: u64) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

fn who_to_what(page: &Page, out: &mut Html) {
    let rows = Named::all(&page.found.pairs);
    let pairs: Vec<Pair> = rows
        .iter()
        .map(|row| Pair {
            app: row.owner().short(),
            owner: row.text("owner").map(str::to_owned),
            destination: labelled(row),
            packets: row.number("packets"),
            allowed: row.number("allowed"),
            denied: row.number("denied"),
        })
        .collect();
    let Some(Matrix { drawn, apps, destinations, is_of_owners }) = matrix(&pairs) else {
        return empty(out, "No packet was counted.");
    };
    out.raw("<p class=\"dim\">A box stands for allowed packets, the darker the more; a circle for denied ones, the larger the \
        more.");
    if apps[0] < apps[1] || destinations[0] < destinations[1] {
        let [apps, all_apps, destinations, all_destinations] =
            [apps[0], apps[1], destinations[0], destinations[1]].map(|n| grouped(n as u64));
        out.text(&format!(
            " Of {all_apps} apps the {apps} and of {all_destinations} destinations the {destinations} with most \
             packets have places of their own."
        ));
    }
    if is_of_owners && pairs.iter().any(|pair| pair.owner.is_none()) {
        out.raw(" Packets without a known owner are in the table only.");
    }
    out.raw("</p><figure>").picture(&drawn).raw("</figure>");
    let heads: Vec<Head> = [("App", Kind::Text), ("Destination", Kind::Text)]
        .into_iter()
        .chain(SUMS)
        .chain([("First", Kind::Time), ("Last", Kind::Time)])
        .collect();
    table(out, "pairs", &heads, &rows, page.most, &page.commands.pairs, |out, row| {
        owner(out, &row.owner());
        destination(out, &row.destination(), row.text("dst_name"), "");
        row.sums(out);
        time(out, row.time("first"), &page.zone);
        time(out, row.time("last"), &page.zone);
    });
    same(out, &page.commands.pairs);
}

/// Returns a destination with the caller's name for it.
fn labelled(row: &Named<'_>) -> String {
    let destination = row.destination();
    match row.text("dst_name") {
        Some(name) => format!("{name} ({destination})"),
        None => destination,
    }
}

/// Returns the caller's names of addresses.
fn labels(page: &Page) -> HashMap<String, String> {
    let rows = Named::all(&page.found.pairs);
    let label =
        |row: &Named<'_>| Some((row.text("dst")?.to_owned(), row.text("dst_name")?.to_owned()));
    rows.iter().filter_map(label).collect()
}

fn name<'n>(row: &Named<'_>, labels: &'n HashMap<String, String>) -> Option<&'n str> {
    row.text("dst").and_then(|address| labels.get(address)).map(|name| &**name)
}

fn denied(page: &Page, out: &mut Html) {
    let mut rows = Named::all(&page.found.episodes);
    if rows.is_empty() {
        return empty(out, "No packet was denied, or denials are not logged.");
    }
    // The latest first: that is what people look for.
    rows.sort_by_key(|row| std::cmp::Reverse(row.time("last")));
    let whys = page.found.whys.as_ref();
    out.raw(
        "<p class=\"dim\">Runs of denied packets of an app to a destination, the latest first.",
    );
    let has_names = page.coverage.as_ref().is_some_and(|(_, given)| given.names);
    if whys.is_none() {
        out.raw(" With <code>--groups</code>, each says which rule is missing.");
    } else if !has_names {
        out.raw(" Rules belong to spaces: to know them, give --cf, --api or --cc-export.");
    }
    out.raw("</p>");
    let mut heads: Vec<Head> = vec![
        ("App", Kind::Text),
        ("Destination", Kind::Text),
        ("First", Kind::Time),
        ("Last", Kind::Time),
        ("Packets", Kind::Number),
    ];
    if whys.is_some() {
        heads.push(("Why, and the nearest change", Kind::Text));
    }
    let labels = labels(page);
    table(out, "episodes", &heads, &rows, page.most, &page.commands.episodes, |out, row| {
        owner(out, &row.owner());
        // A network policy logs packets that arrive.
        let is_arriving = row.text("direction") == Some("ingress");
        let note = if is_arriving { " <span class=\"dim\">arriving</span>" } else { "" };
        destination(out, &row.destination(), name(row, &labels), note);
        time(out, row.time("first"), &page.zone);
        time(out, row.time("last"), &page.zone);
        number(out, row.number("packets"));
        if let Some(whys) = whys {
            // The key: owner, direction, address, port and protocol, behind the app's name.
            why(out, row.row.get(1..6).and_then(|key| whys.get(key)));
        }
    });
    same(out, &page.commands.episodes);
}

/// Writes the reason of most of these packets, the nearest change, and the number of other reasons.
fn why(out: &mut Html, whys: Option<&Whys>) {
    out.raw("<td class=\"w\">");
    let most = whys.and_then(|whys| whys.iter().max_by_key(|(_, packets)| **packets));
    if let Some((((why, change), _), whys)) = most.zip(whys) {
        out.text(why);
        if whys.len() > 1 {
            let others = count(whys.len() as u64 - 1, "other reason");
            out.text(&format!("; {others} at other times"));
        }
        if let Some(change) = change {
            out.raw("<br/><span class=\"dim\">").text(change).raw("</span>");
        }
    }
    out.raw("</td>");
}

fn new(page: &Page, out: &mut Html) {
    let Some(since) = page.found.since else {
        return empty(out, "No packet has a time, so nothing can be new.");
    };
    out.raw("<p class=\"dim\">Destinations to which an app has sent packets since ");
    out.time(since, &page.zone);
    out.raw(", and not before it in these logs, the earliest first.</p>");
    let rows = Named::all(&page.found.new);
    if rows.is_empty() {
        return empty(out, "There are none.");
    }
    let heads: Vec<Head> =
        [("App", Kind::Text), ("Destination", Kind::Text), ("First", Kind::Time)]
            .into_iter()
            .chain(SUMS)
            .collect();
    let labels = labels(page);
    let all = page.commands.new.as_deref().unwrap_or("asglog new");
    table(out, "destinations", &heads, &rows, page.most, all, |out, row| {
        owner(out, &row.owner());
        destination(out, &row.destination(), name(row, &labels), "");
        time(out, row.time("first"), &page.zone);
        row.sums(out);
    });
    if let Some(command) = &page.commands.new {
        same(out, command);
    }
}

fn top(page: &Page, out: &mut Html) {
    let rows = Named::all(&page.found.senders);
    let senders: Vec<Sender> = rows
        .iter()
        .map(|row| Sender {
            app: row.owner().short(),
            allowed: row.number("allowed"),
            denied: row.number("denied"),
        })
        .collect();
    let Some(drawn) = bars(&senders) else {
        return empty(out, "No packet was counted.");
    };
    if senders.len() > bars::MOST {
        let (shown, all) = (grouped(bars::MOST as u64), grouped(senders.len() as u64));
        out.raw("<p class=\"dim\">")
            .text(&format!("The picture has {shown} of {all}."))
            .raw("</p>");
    }
    out.raw("<figure>").picture(&drawn).raw("</figure>");
    let inferred = inferred(page);
    let heads: Vec<Head> = std::iter::once(("App", Kind::Text))
        .chain(SUMS)
        .chain([("Owner", Kind::Text), ("First", Kind::Time), ("Last", Kind::Time)])
        .collect();
    table(out, "senders", &heads, &rows, page.most, &page.commands.senders, |out, row| {
        owner(out, &row.owner());
        row.sums(out);
        let n = row.text("owner").and_then(|owner| inferred.get(owner)).copied().unwrap_or(0);
        let all = row.number("packets");
        let sure = match (row.text("owner"), n) {
            (None, _) => "not known".to_owned(),
            (_, 0) => "certain".to_owned(),
            (_, n) if n == all => "inferred".to_owned(),
            (_, n) => format!("inferred for {}", grouped(n)),
        };
        out.raw("<td class=\"k\">").text(&sure).raw("</td>");
        time(out, row.time("first"), &page.zone);
        time(out, row.time("last"), &page.zone);
    });
    same(out, &page.commands.senders);
}

/// Returns the number of inferred packets of each owner.
fn inferred(page: &Page) -> HashMap<&str, u64> {
    let rows = Named::all(&page.found.sure);
    let rows = rows.into_iter().filter(|row| row.text("certainty") == Some("inferred"));
    rows.filter_map(|row| Some((row.text("owner")?, row.number("packets")))).collect()
}

fn unknown(page: &Page, out: &mut Html) {
    let rows = Named::all(&page.found.certainties);
    let is_open = |row: &Named<'_>| matches!(row.text("certainty"), Some("ambiguous" | "unknown"));
    let rows: Vec<_> = rows.into_iter().filter(is_open).collect();
    if rows.is_empty() {
        return empty(out, "Every packet has an owner.");
    }
    let heads: Vec<Head> = [("Reason", Kind::Text)]
        .into_iter()
        .chain(SUMS)
        .chain([("What helps", Kind::Text), ("Word", Kind::Text)])
        .collect();
    table(out, "reasons", &heads, &rows, page.most, &page.commands.reasons, |out, row| {
        let word = row.text("reason").unwrap_or_default();
        let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == word);
        text(out, reason.map_or(word, |reason| reason.sentence()));
        row.sums(out);
        text(out, reason.map_or("", Reason::advice));
        out.raw("<td class=\"k\">").element("code", word).raw("</td>");
    });
    same(out, &page.commands.reasons);
}

fn rules(page: &Page, out: &mut Html) {
    let Some(Rules { entries, blind }) = &page.rules else { return };
    let mut states = BTreeMap::<&str, u64>::new();
    for [_, _, lines, _] in entries {
        *states.entry(lines).or_default() += 1;
    }
    let states: Vec<_> =
        states.iter().map(|(state, n)| format!("{} {state}", grouped(*n))).collect();
    out.raw("<p class=\"dim\">The rules by the last complete snapshot of security groups: ");
    out.text(&states.join(", ")).raw(".</p>");
    if !blind.is_empty() {
        out.raw("<h3>Packets that leave no line, whatever the rules say</h3><ul class=\"no\">");
        for sentence in blind {
            out.element("li", sentence);
        }
        out.raw("</ul>");
    }
    let heads: [Head; 4] =
        [("Rule", Kind::Text), ("Lines", Kind::Text), ("Phase", Kind::Text), ("Space", Kind::Text)];
    table(out, "entries", &heads, entries, page.most, &page.commands.coverage, |out, row| {
        let [space, phase, lines, what] = row;
        for cell in [what, lines, phase, space] {
            text(out, cell);
        }
    });
    same(out, &page.commands.coverage);
}

fn about(page: &Page, out: &mut Html) {
    out.raw("<dl><dt>Made by</dt><dd>").text(&version());
    if let Some(made) = page.made {
        out.raw(", ").time(made, &page.zone).text(&format!(" ({})", page.zone.name()));
    }
    out.raw("</dd><dt>Command</dt><dd>").command(&page.commands.this);
    out.raw("</dd><dt>Times</dt><dd>in the zone ").text(page.zone.name());
    out.raw("</dd><dt>Certain owner</dt><dd>the line shows the whole handle of a container, or the beginning of one \
        known handle, and nothing contradicts it</dd>");
    out.raw("<dt>Inferred owner</dt><dd>the container is known by the address that it had at that time, and not by the \
        line itself</dd>");
    out.raw("<dt>Counts</dt><dd>are of logged packets, and so floors: the kernel logs the first packet of a connection, \
        limits denials for each container, and logs allowed packets only where a rule or a setting says so</dd>");
    out.raw("<dt>Long tables</dt><dd>have at most ").text(&grouped(page.most as u64));
    out.raw(" rows; <code>--limit</code> gives another number</dd></dl>");
    if page.files.is_empty() {
        return;
    }
    out.raw("<h3>Logs that were read</h3>");
    let heads: [Head; 3] = [("Log", Kind::Text), ("Lines", Kind::Number), ("Of these", Kind::Text)];
    table(out, "files", &heads, &page.files, page.most, "asglog check", |out, file| {
        let File { name, lines, classes } = file;
        text(out, name);
        number(out, *lines);
        text(out, classes);
    });
}

fn empty(out: &mut Html, what: &'static str) {
    out.raw("<p class=\"empty\">").raw(what).raw("</p>");
}

/// Writes the command that gives the same numbers.
fn same(out: &mut Html, command: &str) {
    out.raw("<p class=\"same\">The same numbers: ").command(command).raw("</p>");
}
