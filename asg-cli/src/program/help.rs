//! The texts of `--help`, of `asglog help columns` and of the manual page, made of the table of
//! commands.

use std::fmt::Write as _;

use super::commands::{COMMANDS, Command, Entry};
use super::option_table::{Opt, Takes};
use crate::query::{ALIASES, COLUMNS, Column, In, Kind, values};

/// Columns of a line.
const WIDTH: usize = 120;

/// Where the explanations of options begin.
const INDENT: usize = 25;

const TITLE: &str = "Which Cloud Foundry app sent this packet? Reads the packet logs of application security groups.";

const STATUS: &str = "0; 1 if something was left out (a sentence says what); 2 if nothing could be done; 130 after Ctrl-C.";

const EXAMPLES: [&str; 5] = [
    "asglog correlate kern.log rep.stdout.log",
    "asglog correlate --cf --follow /var/log/kern.log /var/vcap/sys/log/rep/rep.stdout.log",
    "asglog top --by app,destination --where verdict=denied --cf *.log.gz",
    "asglog ledger build --output cells.ledger rep/*.log",
    "asglog who d08bb414-cdba-4381-412a --ledger cells.ledger",
];

const BOOK: &str = "The book has a page for operators (logging, fetching, names, unknown answers), one for the program, one for \
    columns, and more.";

/// The formats of logs.
const INPUTS: &str = "Formats: plain, gzip, Zstandard, xz, bzip2; tar and zip as `bosh logs` makes them, also nested. The \
    content decides, not the name. A file of another format is left out with a sentence";

/// The topics of `asglog help` besides the commands.
pub(crate) const TOPICS: [&str; 2] = ["columns", "--man"];

/// Returns the list of commands.
pub(crate) fn general() -> String {
    let mut text = format!("{TITLE}\n\nUsage: asglog COMMAND [OPTIONS] [LOG…]\n\n");
    for entry in &COMMANDS {
        item(&mut text, entry.name, 16, entry.brief);
    }
    text.push('\n');
    item(&mut text, "-h, --help", 16, "this text; `asglog COMMAND --help` explains a command");
    item(&mut text, "-V, --version", 16, "the version");
    let _ = writeln!(text, "\nExit status: {STATUS}\n");
    examples(&mut text, &EXAMPLES);
    text.push_str("\nCompletion, for the shell that you use:\n");
    for line in Command::Completion.entry().examples {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
    wrapped(&mut text, 0, BOOK);
    text
}

/// Returns the help of a command, or of all whose names begin with this word: `ledger`.
pub(crate) fn of(name: &str) -> Option<String> {
    if let Some(entry) = COMMANDS.iter().find(|entry| entry.name == name) {
        return Some(command(entry));
    }
    let begin = format!("{name} ");
    let entries: Vec<_> = COMMANDS.iter().filter(|entry| entry.name.starts_with(&begin)).collect();
    let all_examples: Vec<_> = entries.iter().flat_map(|entry| entry.examples).copied().collect();
    let mut text = String::new();
    for (n, entry) in entries.iter().enumerate() {
        usage(&mut text, entry, n == 0);
    }
    text.push('\n');
    for entry in &entries {
        item(&mut text, entry.name, 16, entry.brief);
    }
    let _ = writeln!(text, "\nExit status: {}\n", entries.first()?.status);
    examples(&mut text, &all_examples);
    Some(text)
}

fn command(entry: &Entry) -> String {
    let mut text = String::new();
    wrapped(&mut text, 0, entry.about);
    text.push('\n');
    usage(&mut text, entry, true);
    if !entry.arguments.is_empty() {
        text.push('\n');
    }
    let widest = entry.arguments.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, meaning) in entry.arguments {
        item(&mut text, name, widest + 4, meaning);
    }
    if entry.reads_logs {
        text.push('\n');
        wrapped(&mut text, 0, INPUTS);
    }
    for (title, options) in sections(entry) {
        let _ = writeln!(text, "\n{title}:");
        for option in options {
            item(&mut text, &spelling(option), INDENT, &meaning(option, entry));
        }
    }
    for note in entry.notes {
        text.push('\n');
        wrapped(&mut text, 0, note);
    }
    text.push('\n');
    wrapped(&mut text, 0, &format!("Exit status: {}", entry.status));
    text.push('\n');
    examples(&mut text, entry.examples);
    text
}

/// Returns the options of a command under their titles.
fn sections(entry: &Entry) -> Vec<(&'static str, Vec<&'static Opt>)> {
    let mut sections: Vec<(&str, Vec<_>)> = Vec::new();
    for option in entry.options().filter(|option| !option.text.is_empty()) {
        let title = option.group.title();
        match sections.last_mut() {
            Some((last, options)) if *last == title => options.push(option),
            _ => sections.push((title, vec![option])),
        }
    }
    sections
}

/// Returns `-o, --output FILE`.
fn spelling(option: &Opt) -> String {
    let short = option.short.map_or_else(String::new, |letter| format!("-{letter}, "));
    format!("{short}--{} {}", option.name, option.takes.placeholder()).trim_end().to_owned()
}

fn meaning(option: &Opt, entry: &Entry) -> String {
    if !matches!(option.takes, Takes::Format) {
        return option.text.to_owned();
    }
    let format = |(n, format): (usize, &crate::output::format::Format)| {
        let default = if n == 0 { ", the default" } else { "" };
        format!("{} ({}{default})", format.name(), format.about())
    };
    let formats: Vec<_> = entry.command.formats().iter().enumerate().map(format).collect();
    option.text.replace("{formats}", &formats.join(", "))
}

fn usage(text: &mut String, entry: &Entry, is_first: bool) {
    for (n, line) in entry.usage.iter().enumerate() {
        let head = if n == 0 && is_first { "Usage:" } else { "      " };
        let _ = writeln!(text, "{head} asglog {} {line}", entry.name);
    }
}

fn examples(text: &mut String, lines: &[&str]) {
    text.push_str("Examples:\n");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

/// Appends a name, and its meaning in a column behind it.
fn item(text: &mut String, name: &str, indent: usize, meaning: &str) {
    let start = text.len();
    let width = indent.saturating_sub(2);
    let _ = write!(text, "  {name:width$}");
    if name.chars().count() >= width {
        text.push_str("  ");
    }
    let column = text[start..].chars().count();
    fill(text, column, indent, meaning);
}

fn wrapped(text: &mut String, indent: usize, words: &str) {
    text.push_str(&" ".repeat(indent));
    fill(text, indent, indent, words);
}

/// Writes words from a column on, and goes on in lines with this indent.
fn fill(text: &mut String, mut column: usize, indent: usize, words: &str) {
    let mut is_first = true;
    for word in words.split(' ') {
        let width = word.chars().count();
        if !is_first && column + 1 + width > WIDTH {
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
        } else if !is_first {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
        is_first = false;
    }
    text.push('\n');
}

/// Chooses columns.
type IsIn = fn(&Column) -> bool;

/// Returns the columns: their names, values and meanings.
pub(crate) fn columns() -> String {
    let mut text = String::from(
        "Columns of packets and flows, for --where, --columns, --sort and --by, and the heads of CSV and Parquet.\n",
    );
    let parts: [(&str, IsIn); 4] = [
        ("Of packets", |column| matches!(column.of, In::Packets | In::OnRequest)),
        ("Of flows: all commands but `asglog parse`", |column| column.of == In::Flows),
        ("With --networks", |column| column.of == In::Labelled),
        ("Of `asglog explain`", |column| column.of == In::Explained),
    ];
    for (title, is_in) in parts {
        let _ = writeln!(text, "\n{title}:");
        for column in COLUMNS.iter().filter(|column| is_in(column)) {
            item(&mut text, column.name, INDENT - 6, &about(column));
        }
    }
    text.push_str("\nNames for several columns:\n");
    let groups = crate::answers::ALIASES.iter().filter(|(name, _)| *name != "org");
    for (alias, names) in ALIASES.iter().chain(groups.filter(|(name, _)| *name != "space")) {
        item(&mut text, alias, INDENT - 6, &names.join(", "));
    }
    text.push_str(
        "\nConditions: COLUMN=VALUE, COLUMN!=VALUE; numbers and times also with <, <=, > and >=. Values stand with \
         commas\nbetween. Numbers may be ranges (8000-8999), addresses networks (10.0.0.0/8).\n",
    );
    text
}

/// Returns the meaning of a column, and its values where the meaning does not list them.
fn about(column: &Column) -> String {
    let meaning = column.doc.replace('`', "");
    let kind = match column.kind {
        Kind::Text => "",
        Kind::Int | Kind::Long | Kind::Seconds => " A number.",
        Kind::Bool => " true or false.",
        Kind::Time => " A time.",
        Kind::Bytes => " Bytes; no condition can be about it.",
    };
    let is_told = |word: &&str| meaning.contains(*word);
    let words = values(column.name).unwrap_or_default();
    let list = if words.iter().all(is_told) {
        String::new()
    } else {
        format!(" One of {}.", words.join(", "))
    };
    format!("{meaning}{kind}{list}")
}

/// Returns the manual page, in the language of `man`.
pub(crate) fn manual() -> String {
    let mut page = String::from(
        ".TH ASGLOG 1\n.SH NAME\nasglog \\- which Cloud Foundry app sent this packet\n",
    );
    page.push_str(".SH SYNOPSIS\n.B asglog\nCOMMAND [OPTIONS] [LOG...]\n.SH DESCRIPTION\n");
    paragraph(&mut page, TITLE);
    for entry in &COMMANDS {
        let _ = writeln!(page, ".SH \"ASGLOG {}\"", roff(&entry.name.to_uppercase()));
        paragraph(&mut page, entry.about);
        for line in entry.usage {
            let _ = writeln!(page, ".PP\n.B asglog {}\n{}", roff(entry.name), roff(line));
        }
        for (name, meaning) in entry.arguments {
            let _ = writeln!(page, ".TP\n.I {}\n{}", roff(name), roff(meaning));
        }
        if entry.reads_logs {
            paragraph(&mut page, INPUTS);
        }
        for (title, options) in sections(entry) {
            let _ = writeln!(page, ".SS \"{}\"", roff(title));
            for option in options {
                let text = roff(&meaning(option, entry));
                let _ = writeln!(page, ".TP\n.B {}\n{text}", roff(&spelling(option)));
            }
        }
        for note in entry.notes {
            paragraph(&mut page, note);
        }
        let _ = writeln!(page, ".SS \"Exit status\"\n{}", roff(entry.status));
        page.push_str(".SS Examples\n.nf\n");
        for line in entry.examples {
            let _ = writeln!(page, "{}", roff(line));
        }
        page.push_str(".fi\n");
    }
    let _ = writeln!(page, ".SH COLUMNS\n.nf\n{}.fi", roff(&columns()));
    page
}

fn paragraph(page: &mut String, text: &str) {
    let _ = writeln!(page, ".PP\n{}", roff(text));
}

/// Returns text that `man` prints as it is.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('…', "...");
    let lines = text.split('\n').map(|line| {
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_explained_and_every_line_fits() {
        for entry in &COMMANDS {
            let text = of(entry.name).unwrap();
            assert!(!text.contains('{') || text.contains("{\"id\""), "{text}");
            for option in entry.options().filter(|option| !option.text.is_empty()) {
                assert!(text.contains(&format!("--{}", option.name)), "{}", option.name);
            }
            let longest = text.split('\n').map(|line| line.chars().count()).max();
            assert!(longest <= Some(130), "{}: {longest:?}", entry.name);
        }
        assert!(of("ledger").unwrap().contains("asglog ledger merge --output"));
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn the_manual_has_every_command_and_option() {
        let page = manual();
        for entry in &COMMANDS {
            assert!(page.contains(&format!(".SH \"ASGLOG {}\"", entry.name.to_uppercase())));
        }
        assert!(page.contains("\\-\\-skip\\-ssl\\-validation"));
        assert!(page.contains(".SH COLUMNS"));
    }
}
