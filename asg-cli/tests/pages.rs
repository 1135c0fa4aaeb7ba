//! Holds tables in `docs` to the tables in the code that they are made of, and the programs in the
//! guide to those in `examples`.
//!
//! `ASG_PAGES=write cargo test -p asg-cli --test pages` writes them anew.

mod common;

use std::fmt::Write as _;
use std::fs;

use asg_cli::query::{COLUMNS, Column};
use asg_core::ledger::Reason;
use common::here;

fn is_writing() -> bool {
    std::env::var_os("ASG_PAGES").is_some_and(|it| it == "write")
}

/// Compares the part of a page between two marks with its table, or writes it.
fn hold(page: &str, name: &str, table: &str) {
    let path = here(&format!("../docs/{page}"));
    let text = fs::read_to_string(&path).unwrap();
    let first = format!("<!-- {name}: written by asg-cli/tests/pages.rs -->\n");
    let last = format!("<!-- end of {name} -->\n");
    let (before, rest) = text.split_once(&first).expect("the page has the first mark");
    let (shown, after) = rest.split_once(&last).expect("the page has the last mark");
    let wanted = format!("\n{table}\n");
    if is_writing() {
        fs::write(&path, [before, &first, &wanted, &last, after].concat()).unwrap();
        return;
    }
    assert!(
        shown == wanted,
        "docs/{page} differs from the code; `ASG_PAGES=write cargo test -p asg-cli --test pages` \
         writes this:\n{wanted}"
    );
}

#[test]
fn the_operators_page_has_every_reason_with_its_cure() {
    let mut table = String::from("| reason | meaning | cure |\n|---|---|---|\n");
    for reason in Reason::ALL {
        let (word, meaning, cure) = (reason.as_str(), reason.sentence(), reason.advice());
        writeln!(table, "| `{word}` | {meaning} | {cure} |").unwrap();
    }
    hold("operators.md", "reasons", &table);
}

/// The sections of the page, by the tables that have the columns.
const SECTIONS: [(&str, &str); 5] = [
    ("Packets", "Of packets, in every table"),
    ("Flows", "Of flows: every command but `asglog parse`"),
    ("Labelled", "With `--networks`"),
    ("Explained", "Of `asglog explain`"),
    ("OnRequest", "Only where `--columns` names them"),
];

#[test]
fn the_page_of_columns_has_every_column_with_its_meaning() {
    let of = |column: &Column| format!("{:?}", column.of);
    let mut table = String::new();
    for (section, title) in SECTIONS {
        write!(table, "\n## {title}\n\n| column | type | meaning |\n|---|---|---|\n").unwrap();
        for column in COLUMNS.iter().filter(|column| of(column) == section) {
            let (name, kind, doc) = (column.name, column.kind.name(), column.doc);
            writeln!(table, "| `{name}` | {kind} | {doc} |").unwrap();
        }
    }
    for column in COLUMNS {
        assert!(SECTIONS.iter().any(|(section, _)| *section == of(column)), "{}", column.name);
    }
    hold("columns.md", "columns", table.trim_start());
}

/// The program of an example, without its head and its tests.
fn program(name: &str) -> String {
    let text = fs::read_to_string(here(&format!("../examples/examples/{name}.rs"))).unwrap();
    let code = text.split("\n#[test]").next().unwrap();
    let code: Vec<_> = code.lines().skip_while(|line| line.starts_with("//!")).collect();
    code.join("\n").trim().to_owned()
}

#[test]
fn the_guide_shows_the_programs_of_the_examples() {
    let mut shown = Vec::new();
    for entry in fs::read_dir(here("src/guide")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let Some((before, rest)) = text.split_once("<!-- code: ") else { continue };
        let (mark, rest) = rest.split_once(" -->\n").unwrap();
        let (name, attributes) = mark.split_once(' ').unwrap_or((mark, ""));
        let (_, after) = rest.split_once("\n```\n").expect("a block of code follows the mark");
        let fence = if attributes.is_empty() { String::new() } else { format!(",{attributes}") };
        let code = program(name);
        let page = format!("{before}<!-- code: {mark} -->\n```rust{fence}\n{code}\n```\n{after}");
        if is_writing() {
            fs::write(&path, page).unwrap();
        } else {
            assert!(page == text, "{} differs from the example {name}", path.display());
        }
        shown.push(name.to_owned());
    }
    let examples = fs::read_dir(here("../examples/examples")).unwrap();
    let name = |file: fs::DirEntry| file.path().file_stem().unwrap().to_str().unwrap().to_owned();
    let mut all: Vec<_> = examples.map(|file| name(file.unwrap())).collect();
    all.sort();
    shown.sort();
    assert_eq!(shown, all, "each example is in one chapter");
}
