//! The page of `asglog report`: its numbers are those of the other commands, names stay text, it
//! loads nothing, and its size is bounded.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use asg_cc_client::embedded::{Foundation, Server};
use common::{CfHome, here, jwt, run, run_with};
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Value, json};

/// A page as a strict reader of XML sees it.
fn parsed(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap()
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect()
}

fn by_id<'a, 'i>(page: &'a Document<'i>, id: &str) -> Node<'a, 'i> {
    let found = page.descendants().find(|node| node.attribute("id") == Some(id));
    found.unwrap_or_else(|| panic!("the page has no {id}"))
}

/// The cells of a table: numbers and times for programs, apps by their GUIDs, and other texts.
fn rows(page: &Document<'_>, id: &str) -> Vec<Vec<Value>> {
    let cell = |cell: Node<'_, '_>| {
        let time = cell.descendants().find(|node| node.has_tag_name("time"));
        let value = time.and_then(|time| time.attribute("datetime"));
        let class = cell.attribute("class").unwrap_or_default();
        match class {
            "n" => json!(cell.attribute("data-v").unwrap().parse::<u64>().unwrap()),
            "t" => value.map_or(Value::Null, Value::from),
            "app" => cell.attribute("data-owner").map_or(Value::Null, Value::from),
            "d" => cell.attribute("data-destination").into(),
            _ => text(cell).into(),
        }
    };
    let body = by_id(page, id).children().find(|node| node.has_tag_name("tbody")).unwrap();
    let rows = body.children().filter(|node| node.has_tag_name("tr"));
    let cells = |row: Node<'_, '_>| {
        row.children().filter(|node| node.has_tag_name("td")).map(cell).collect()
    };
    rows.map(cells).collect()
}

/// Runs the command of a section and returns its objects.
fn command_of(page: &Document<'_>, section: &str) -> Vec<Value> {
    let same =
        by_id(page, section).descendants().find(|node| node.attribute("class") == Some("same"));
    let line = text(same.unwrap());
    let words: Vec<_> = line.split("asglog ").nth(1).unwrap().split(' ').collect();
    let args: Vec<_> = ["--format", "ndjson"].into_iter().chain(words[1..].to_vec()).collect();
    let found = run(words[0], &args);
    assert_eq!(found.status, 0, "{line}: {}", found.stderr);
    found.objects()
}

/// `10.0.11.7:5432 TCP`.
fn destination(object: &Value) -> Value {
    let dst = object["dst"].as_str().unwrap();
    let port = object["dpt"].as_u64().map_or(String::new(), |port| format!(":{port}"));
    format!("{dst}{port} {}", object["proto"].as_str().unwrap()).into()
}

/// These members of an object; `destination` is one of address, port and protocol.
fn members(object: &Value, names: &[&str]) -> Vec<Value> {
    let member = |name: &&str| match *name {
        "destination" => destination(object),
        name => object[name].clone(),
    };
    names.iter().map(member).collect()
}

fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.sort_by_key(|row| format!("{row:?}"));
    rows
}

/// The logs of the notebooks' sample in a folder of their own.
fn afternoon() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let sample = here("../examples/notebooks/sample/afternoon");
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let mut args = vec!["--cc-export".to_owned()];
    for entry in fs::read_dir(sample).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.extension().is_some_and(|ending| ending == "json") {
            args.push(path.to_str().unwrap().to_owned());
        } else {
            fs::copy(&path, logs.join(name)).unwrap();
        }
    }
    args.extend(["--".to_owned(), logs.to_str().unwrap().to_owned()]);
    (folder, args)
}

fn report(args: &[&str]) -> String {
    let found = run("report", args);
    assert_eq!(found.status, 0, "{}", found.stderr);
    found.stdout
}

#[test]
fn the_numbers_are_those_of_the_commands_that_stand_below_them() {
    let (_folder, args) = afternoon();
    let args: Vec<_> = ["-n", "100000"].into_iter().chain(args.iter().map(|it| &**it)).collect();
    let page = report(&args);
    let page = parsed(&page);

    let top = command_of(&page, "top");
    let expected: Vec<_> = top
        .iter()
        .map(|it| members(it, &["owner", "packets", "allowed", "denied", "first", "last"]))
        .collect();
    let mut found = rows(&page, "senders");
    for row in &mut found {
        // Whether the owner is certain is not in that command's answer.
        row.remove(4);
    }
    assert_eq!(found, expected);
    assert!(found.len() > 20, "{}", found.len());

    let pairs = command_of(&page, "matrix");
    let names = ["owner", "destination", "packets", "allowed", "denied", "first", "last"];
    let expected: Vec<_> = pairs.iter().map(|it| members(it, &names)).collect();
    assert_eq!(rows(&page, "pairs"), expected);

    let episodes = command_of(&page, "denied");
    let expected = episodes
        .iter()
        .map(|it| members(it, &["owner", "destination", "first", "last", "packets"]));
    let found = rows(&page, "episodes");
    assert_eq!(sorted(found.clone()), sorted(expected.collect()));
    assert!(found.is_sorted_by(|one, other| one[3].as_str() >= other[3].as_str()));

    let new = command_of(&page, "new");
    let names = ["owner", "destination", "first", "packets", "allowed", "denied"];
    let expected: Vec<_> = new.iter().map(|it| members(it, &names)).collect();
    assert_eq!(rows(&page, "destinations"), expected);
    assert!(!expected.is_empty());

    let reasons = command_of(&page, "unknown");
    let is_open =
        |it: &&Value| ["ambiguous", "unknown"].contains(&it["certainty"].as_str().unwrap());
    let expected: Vec<_> = reasons
        .iter()
        .filter(is_open)
        .map(|it| members(it, &["packets", "allowed", "denied", "reason"]))
        .collect();
    let found: Vec<Vec<Value>> = rows(&page, "reasons")
        .into_iter()
        .map(|row| [1, 2, 3, 5].map(|n| row[n].clone()).to_vec())
        .collect();
    assert_eq!(found, expected);

    // The bars of the picture have titles with their numbers.
    let bar = |it: &Value| {
        let (time, verdict) =
            (it["time"].as_str()?, it["verdict"].as_str().unwrap_or("no verdict"));
        let time = time.replace('T', " ").replace('Z', "");
        Some(format!("{time}: {} {verdict}", it["packets"]))
    };
    let mut expected: Vec<_> = command_of(&page, "timeline").iter().filter_map(bar).collect();
    let titles = by_id(&page, "timeline")
        .descendants()
        .filter(|node| node.has_tag_name("title") && node.parent().unwrap().has_tag_name("rect"));
    let mut found: Vec<_> = titles.map(|node| text(node).trim().to_owned()).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert!(found.len() > 100, "{}", found.len());
}

#[test]
fn only_the_wanted_packets_are_counted_and_coverage_is_of_all() {
    let log = here("data/foundation.log");
    let page = report(&["--where", "verdict=denied", "--tz", "+02:00", "--title", "Denied", &log]);
    let page = parsed(&page);
    let heading = text(page.descendants().find(|node| node.has_tag_name("h1")).unwrap());
    assert_eq!(heading, "Denied");
    let sum = |id| rows(&page, id).iter().map(|row| row[1].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("senders"), 3);
    // That no packet is allowed would be wrong: they were not asked for.
    let coverage = text(by_id(&page, "coverage"));
    assert!(!coverage.contains("no packet is allowed"), "{coverage}");
    assert!(text(by_id(&page, "denied")).contains("2024-05-06 09:09:52"));
    let about = text(by_id(&page, "about"));
    let command = "--where 'verdict=denied' --tz +02:00 --title Denied";
    assert!(about.contains(command) && about.contains("zone UTC+02"), "{about}");
    assert!(about.contains("foundation.log") && about.contains("asglog 0"), "{about}");
}

const HOSTILE: &str =
    "</title></script><script>alert(1)</script>\"'onload=x\u{202e}\n]]><!-- &amp;";

#[test]
fn hostile_names_stay_text() {
    let mut story = asg_cli::program::demo::foundation();
    for app in &mut story.apps {
        app.name = format!("{}{HOSTILE}", app.name);
    }
    let token = jwt("cloud_controller.admin_read_only");
    let server = Server::start(Foundation { tokens: Vec::new(), ..story }.token(&token)).unwrap();
    let cf = CfHome::new(&server.url(), &format!("bearer {token}"));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a'\"><img src=x onerror=alert(1)>.log");
    fs::copy(here("data/foundation.log"), &log).unwrap();
    let networks = folder.path().join("networks.json");
    fs::write(&networks, json!({"0.0.0.0/0": HOSTILE}).to_string()).unwrap();
    let args = ["--cf", "--title", HOSTILE, "--networks", networks.to_str().unwrap()];
    let args: Vec<_> = args.into_iter().chain([log.to_str().unwrap()]).collect();
    let found = run_with("report", &args, &[cf.env()], b"");
    assert_eq!(found.status, 0, "{}", found.stderr);
    let page = parsed(&found.stdout);
    let shown = HOSTILE.replace('\u{202e}', r"\u{202e}").replace('\n', r"\u{a}");
    // A slash in a name would look like a path.
    let app = format!("orders{}", shown.replace('/', r"\u{2f}"));
    assert!(text(by_id(&page, "senders")).contains(&app));
    assert!(text(by_id(&page, "pairs")).contains(&shown));
    let title = page.descendants().find(|node| node.has_tag_name("title")).unwrap();
    assert_eq!(text(title), shown);
    assert!(!found.stdout.contains('\u{202e}'));
    let scripts = page.descendants().filter(|node| node.has_tag_name("script"));
    assert_eq!(scripts.count(), 1);
    for node in page.descendants() {
        assert!(!node.has_tag_name("img"));
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
        }
    }
}

#[test]
fn the_page_loads_nothing_and_links_to_itself_only() {
    let page = run("demo", &["-q", "--report", "-"]).stdout;
    for word in ["http://", "https://", "@import", "url(", "src=", "<link", "<iframe"] {
        assert!(!page.contains(word), "{word}");
    }
    let page = parsed(&page);
    let links: Vec<_> = page.descendants().filter_map(|node| node.attribute("href")).collect();
    assert!(links.len() > 7);
    for link in links {
        by_id(&page, link.strip_prefix('#').unwrap());
    }
}

/// Packets of 300 apps to as many destinations as there are packets.
fn crowd(folder: &Path) -> [String; 2] {
    let (mut kern, mut rep) = (String::new(), String::new());
    for n in 0..300 {
        let handle = format!("{n:08x}-c07d-4d6b-9a38-2cb1");
        let process =
            format!("{n:08x}-5e4a-4c41-a63f-e8795496c283-1c0d4ae2-93f4-4c5e-b3b1-2f1b0f9a7d10");
        let (minute, second) = (n / 60, n % 60);
        let _ = writeln!(
            rep,
            "{{\"timestamp\":\"2024-05-06T07:{minute:02}:{second:02}Z\",\"level\":\"info\",\"source\":\"rep\",\
             \"message\":\"rep.running-container\",\"data\":{{\"lrp-instance-key\":{{\"instance_guid\":\"{handle}\",\
             \"cell_id\":\"c\"}},\"lrp-key\":{{\"process_guid\":\"{process}\",\"index\":0,\"domain\":\"cf-apps\"}}}}}}"
        );
        for packet in 0..40 {
            let word = if packet % 4 == 0 { "DENY" } else { "OK" };
            let _ = writeln!(
                kern,
                "2024-05-06T08:{minute:02}:{second:02}Z cell kernel: [{n}.{packet:06}] {word}_{handle} IN=s-1 OUT=eth0 \
                 SRC=10.255.1.1 DST=10.{}.{packet}.{} LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={packet} DF PROTO=TCP SPT=4 \
                 DPT=80 WINDOW=1 RES=0x00 SYN URGP=0 ",
                n / 250,
                n % 250
            );
        }
    }
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    [put("kern.log", &kern), put("rep.log", &rep)]
}

#[test]
fn the_size_is_bounded_and_what_is_left_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let [kern, rep] = crowd(folder.path());
    let page = report(&[&kern, &rep]);
    assert!(page.len() < 400_000, "{}", page.len());
    let page = parsed(&page);
    assert_eq!(rows(&page, "pairs").len(), 100);
    assert_eq!(rows(&page, "senders").len(), 100);
    let more = |section| text(by_id(&page, section));
    assert!(
        more("matrix").contains("and 11,900 more, which asglog top --by app,destination -n 12000 ")
    );
    assert!(more("top").contains("and 200 more"));
    assert!(more("denied").contains("and 2,900 more"));
    let small = report(&["-n", "5", &kern, &rep]);
    assert_eq!(rows(&parsed(&small), "pairs").len(), 5);
}

#[test]
fn nothing_is_drawn_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.log");
    fs::write(&other, "a line\n").unwrap();
    let page = report(&[other.to_str().unwrap()]);
    let page = parsed(&page);
    assert!(!page.descendants().any(|node| node.has_tag_name("svg")));
    for (section, sentence) in [
        ("coverage", "there are no packets in these logs"),
        ("timeline", "there is nothing to draw"),
        ("matrix", "No packet was counted."),
        ("denied", "No packet was denied"),
        ("new", "nothing can be new"),
        ("top", "No packet was counted."),
        ("unknown", "Every packet has an owner."),
    ] {
        assert!(text(by_id(&page, section)).contains(sentence), "{section}");
    }
}

#[test]
fn rules_explain_denials_and_show_what_leaves_no_line() {
    let groups = here("data/groups.json");
    let page = report(&["--groups", &groups, "--", &here("data/foundation.log")]);
    let page = parsed(&page);
    let episodes = rows(&page, "episodes");
    assert!(episodes.iter().any(|row| row[5].as_str().unwrap().contains("no rule allows it")));
    let entries = rows(&page, "entries");
    let args = ["--groups", &groups, "--format", "ndjson"];
    let coverage = run("coverage", &args).objects();
    let expected: usize = coverage.iter().map(|it| it["entries"].as_array().unwrap().len()).sum();
    assert_eq!(entries.len(), expected);
    assert!(text(by_id(&page, "rules")).contains("leave no line"));
}

#[test]
fn saved_flows_make_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("flows.ndjson").to_str().unwrap().to_owned();
    let log = here("data/foundation.log");
    assert_eq!(run("correlate", &["-q", "-o", &saved, &log]).status, 0);
    let (of_logs, of_flows) = (report(&[&log]), report(&["--flows", &saved]));
    let (of_logs, of_flows) = (parsed(&of_logs), parsed(&of_flows));
    for id in ["senders", "pairs", "episodes", "destinations", "reasons"] {
        assert_eq!(rows(&of_logs, id), rows(&of_flows, id), "{id}");
    }
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let out = path.to_str().unwrap();
    let log = here("data/foundation.log");
    assert_eq!(run("report", &["-o", out, &log]).status, 0);
    let page = fs::read_to_string(&path).unwrap();
    parsed(&page);
    let found = run("report", &["-o", out, "/nowhere"]);
    assert_eq!(found.status, 2);
    assert!(found.stderr.contains("no log could be read"), "{}", found.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), page);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// The words of the page, one block a line.
#[test]
fn the_page_of_the_demonstration_reads_so() {
    let page = run("demo", &["-q", "--report", "-"]).stdout;
    let page = parsed(&page);
    let made = page.descendants().find(|node| node.has_tag_name("dd")).unwrap();
    assert!(text(made).starts_with("asglog 0"), "{}", text(made));
    let mut lines = String::new();
    let blocks = ["h1", "h2", "h3", "p", "li", "tr", "dt", "dd", "text", "div"];
    for node in page.root_element().descendants() {
        let is_block = blocks.contains(&node.tag_name().name());
        let is_tile = node.attribute("class").is_some_and(|class| class.starts_with("tile "));
        if !is_block || node == made || (node.has_tag_name("div") && !is_tile) {
            continue;
        }
        let words: Vec<String> = if node.has_tag_name("tr") {
            node.children().map(text).collect()
        } else {
            vec![text(node)]
        };
        let words = words.join(" | ").split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(lines, "{}: {words}", node.tag_name().name());
    }
    let lines = lines.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(lines);
}
