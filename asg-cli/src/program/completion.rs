//! Scripts with which shells complete commands, options, values, columns and files.

use std::fmt::Write as _;

use super::commands::{COMMANDS, Command, Entry};
use super::help::TOPICS;
use super::option_table::{Opt, Takes};
use crate::answers;
use crate::nearest::hint;
use crate::query::{ALIASES, COLUMNS, values as column_values};
use crate::report::Failure;

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Returns the script for a shell.
///
/// # Errors
///
/// [`Failure::Usage`] for a shell that is not known.
pub(crate) fn script(shell: &str) -> Result<String, Failure> {
    match shell {
        "bash" => Ok(bash()),
        "zsh" => Ok(format!("autoload -U +X bashcompinit && bashcompinit\n{}", bash())),
        "fish" => Ok(fish()),
        other => {
            let near = hint(other, SHELLS);
            let what =
                format!("asglog completion takes bash, zsh or fish, and not `{other}`{near}");
            Err(Failure::Usage(what))
        }
    }
}

/// Returns the first words of commands.
fn first_words() -> Vec<&'static str> {
    let mut words: Vec<_> =
        COMMANDS.iter().filter_map(|entry| entry.name.split(' ').next()).collect();
    words.dedup();
    words
}

/// Returns the second words of the commands that begin with this one.
fn second_words(first: &str) -> Vec<&'static str> {
    let pairs = COMMANDS.iter().filter_map(|entry| entry.name.split_once(' '));
    pairs.filter(|(one, _)| *one == first).map(|(_, other)| other).collect()
}

fn columns() -> Vec<&'static str> {
    let columns = COLUMNS.iter().map(|column| column.name);
    let aliases = ALIASES.iter().chain(&answers::ALIASES).map(|(name, _)| *name);
    let mut all: Vec<_> = columns.chain(aliases).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Returns the values of an option; none for files and any text.
fn values(option: &Opt, entry: &Entry) -> Vec<String> {
    match option.takes {
        Takes::Words(_, words) => words.iter().map(|word| (*word).to_owned()).collect(),
        Takes::Format => entry.command.formats().iter().map(|it| it.name().to_owned()).collect(),
        Takes::Columns(_) => columns().into_iter().map(str::to_owned).collect(),
        Takes::Condition => columns().into_iter().map(|name| format!("{name}=")).collect(),
        Takes::Nothing | Takes::Text(_) | Takes::File(_) => Vec::new(),
    }
}

fn options(entry: &Entry) -> String {
    let names: Vec<_> = entry.options().map(|option| format!("--{}", option.name)).collect();
    names.join(" ")
}

/// Returns the words that a command takes besides options; `None` for files.
fn arguments(command: Command) -> Option<Vec<&'static str>> {
    match command {
        Command::Completion => Some(SHELLS.to_vec()),
        Command::Help => Some(COMMANDS.iter().map(|entry| entry.name).chain(TOPICS).collect()),
        Command::Demo | Command::Snapshot | Command::Export => Some(Vec::new()),
        _ => None,
    }
}

fn bash() -> String {
    let mut text = String::from(BASH_START);
    for column in COLUMNS {
        if let Some(words) = column_values(column.name) {
            let _ = writeln!(text, "        {}) values=\"{}\" ;;", column.name, words.join(" "));
        }
    }
    text.push_str("    esac\n    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
    for entry in &COMMANDS {
        let pattern = entry.name.replace(' ', "\\ ");
        let pattern = if entry.name.contains(' ') { pattern + "*" } else { pattern + "\\ *" };
        let _ = write!(text, "        {pattern}) options=\"{}\"", options(entry));
        if let Some(words) = arguments(entry.command) {
            let _ = write!(text, " words=\"{}\" files=", words.join(" "));
        }
        text.push_str("\n            case \"$before\" in\n");
        for option in entry.options() {
            let short = option.short.map_or_else(String::new, |letter| format!("|-{letter}"));
            let found = values(option, entry);
            let _ = match (option.takes, found.is_empty()) {
                (Takes::Nothing, _) => continue,
                (Takes::File(_), _) => {
                    writeln!(text, "                --{}{short}) return ;;", option.name)
                }
                (_, true) => {
                    writeln!(text, "                --{}{short}) values=' ' ;;", option.name)
                }
                (_, false) => writeln!(
                    text,
                    "                --{}{short}) values=\"{}\" ;;",
                    option.name,
                    found.join(" ")
                ),
            };
        }
        text.push_str("            esac ;;\n");
    }
    let mut seconds: Vec<_> =
        COMMANDS.iter().filter_map(|entry| Some(entry.name.split_once(' ')?.0)).collect();
    seconds.dedup();
    for first in seconds {
        let _ = writeln!(
            text,
            "        {first}\\ *) words=\"{}\" files= ;;",
            second_words(first).join(" ")
        );
    }
    let _ = write!(
        text,
        "        *) words=\"{} --help --version\" files= ;;\n    esac\n",
        first_words().join(" ")
    );
    text.push_str(BASH_END);
    text
}

/// Bash makes words of their own of `=` and of the text behind it.
const BASH_START: &str = r#"_asglog() {
    local words options values column files=1
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    COMPREPLY=()
    if [[ $word == = ]]; then
        word="" column="$before"
    elif [[ $before == = ]]; then
        column="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    [[ $column == -* ]] && before="$column"
    case "$column" in
"#;

/// Offers values behind an option, options behind a dash, and words or files otherwise. In a list
/// with commas, the last of it is completed.
const BASH_END: &str = r#"    if [[ -n $values ]]; then
        local list=""
        [[ $word == *,* ]] && list="${word%,*},"
        COMPREPLY=($(compgen -P "$list" -W "$values" -- "${word##*,}"))
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    elif [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    elif [[ -n $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    fi
    # Without an answer the shell offers files.
    [[ -n $files && -z $values ]] || compopt +o default 2>/dev/null
}
complete -o default -F _asglog asglog
"#;

fn fish() -> String {
    let mut text = String::new();
    let mut line = |condition: &str, rest: &str| {
        let _ = writeln!(text, "complete -c asglog -n '{condition}' {rest}");
    };
    let mut named: Vec<&str> = Vec::new();
    for entry in &COMMANDS {
        let (first, second) = match entry.name.split_once(' ') {
            Some((first, second)) => (first, Some(second)),
            None => (entry.name, None),
        };
        let brief = |entry: &Entry| entry.brief.replace('\'', "\\'");
        if !named.contains(&first) {
            named.push(first);
            line("__fish_use_subcommand", &format!("-f -a {first} -d '{}'", brief(entry)));
        }
        let condition = match second {
            None => format!("__fish_seen_subcommand_from {first}"),
            Some(second) => {
                let all = second_words(first).join(" ");
                line(
                    &format!(
                        "__fish_seen_subcommand_from {first}; and not __fish_seen_subcommand_from {all}"
                    ),
                    &format!("-f -a {second} -d '{}'", brief(entry)),
                );
                format!(
                    "__fish_seen_subcommand_from {first}; and __fish_seen_subcommand_from {second}"
                )
            }
        };
        if let Some(words) = arguments(entry.command) {
            line(&condition, &format!("-f -a '{}'", words.join(" ")));
        }
        for option in entry.options() {
            let mut rest = format!("-l {}", option.name);
            let _ = option.short.map(|letter| write!(rest, " -s {letter}"));
            let found = values(option, entry);
            match option.takes {
                Takes::Nothing => {}
                Takes::File(_) => rest.push_str(" -r"),
                _ if found.is_empty() => rest.push_str(" -x"),
                _ => {
                    let _ = write!(rest, " -x -a '{}'", found.join(" "));
                }
            }
            if matches!(option.takes, Takes::Format) {
                rest.push_str(" -d 'the format of the output'");
            } else if !option.text.is_empty() {
                let text = option.text.split([';', ':', '.']).next().unwrap_or_default();
                let _ = write!(rest, " -d '{}'", text.replace('\'', "\\'"));
            }
            line(&condition, &rest);
        }
    }
    text
}
