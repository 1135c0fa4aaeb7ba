//! Shells complete commands, options, values, columns and files.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{ASGLOG, run};

/// Returns a folder with one log, in which shells complete.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kern.log"), "").unwrap();
    folder
}

/// Runs a shell with the program in its path; `None` without such a shell.
fn shell(argv: &[&str], folder: &Path) -> Option<String> {
    let bin = Path::new(ASGLOG).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let run = Command::new(argv[0])
        .args(&argv[1..])
        .current_dir(folder)
        .env("PATH", path)
        .env("HOME", folder)
        .env("TERM", "dumb")
        .output();
    let Ok(run) = run else {
        println!("skipped: {} is not installed", argv[0]);
        return None;
    };
    Some(String::from_utf8(run.stdout).unwrap())
}

/// A command line in words as bash divides them, and the words offered.
const CASES: [(&str, &[&str]); 12] = [
    ("corr", &["correlate"]),
    ("ledger ", &["build", "merge", "show"]),
    ("correlate --fo", &["--follow", "--format"]),
    ("top --format ", &["csv", "ndjson", "parquet", "table"]),
    ("correlate --color al", &["always"]),
    ("top --by dest", &["destination"]),
    ("top --by app,dpt", &["app,dpt"]),
    ("correlate --where verd", &["verdict="]),
    ("correlate ke", &["kern.log"]),
    ("correlate --ledger ke", &["kern.log"]),
    ("demo ke", &[]),
    ("completion z", &["zsh"]),
];

#[test]
fn bash_offers_what_comes_next() {
    let folder = folder();
    // Without an answer, bash offers files, unless the function turned that off.
    let ask = r#"
        source <(asglog completion bash)
        default=1
        compopt() { [[ $* == "+o default" ]] && default=; }
        ask() {
            COMP_WORDS=(asglog "$@"); COMP_CWORD=$#; default=1; _asglog
            [[ ${#COMPREPLY[@]} == 0 && $default ]] && COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
            printf '%s\n' "${COMPREPLY[@]}" | sort
        }
    "#;
    for (typed, offered) in CASES {
        let words: Vec<_> = typed.split(' ').map(|word| format!("'{word}'")).collect();
        let script = format!("{ask}\nask {}", words.join(" "));
        let Some(found) = shell(&["bash", "--norc", "-c", &script], folder.path()) else { return };
        let found: Vec<_> = found.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(found, offered, "{typed}");
    }
    for (words, offered) in [
        ("correlate --where verdict =", "allowed\ndenied\n"),
        ("correlate --where verdict = den", "denied\n"),
        ("correlate --format = nd", "ndjson\n"),
    ] {
        let script = format!("{ask}\nask {words}");
        let found = shell(&["bash", "--norc", "-c", &script], folder.path());
        assert_eq!(found.as_deref(), Some(offered), "{words}");
    }
}

#[test]
fn fish_offers_what_comes_next() {
    let folder = folder();
    let mut script = String::from("asglog completion fish | source\n");
    for (typed, _) in CASES {
        let _ = writeln!(script, "echo \"== {typed}\"\ncomplete -C 'asglog {typed}'");
    }
    let Some(found) = shell(&["fish", "--no-config", "-c", &script], folder.path()) else { return };
    if !found.contains("== ") {
        println!("skipped: fish does not start here");
        return;
    }
    for (typed, offered) in CASES.into_iter().filter(|(typed, _)| !typed.contains(',')) {
        let (_, rest) = found.split_once(&format!("== {typed}\n")).unwrap();
        let lines = rest.lines().take_while(|line| !line.starts_with("== "));
        let words: Vec<_> = lines.filter_map(|line| line.split('\t').next()).collect();
        for word in offered {
            assert!(words.contains(word), "{typed}: {words:?}");
        }
        assert!(!offered.is_empty() || words.is_empty(), "{typed}: {words:?}");
    }
}

#[test]
fn zsh_offers_what_comes_next() {
    let folder = folder();
    // Completion needs a terminal, which this module gives to a second zsh.
    let mut script = String::from(
        r#"
        zmodload zsh/zpty || exit 1
        zpty z zsh -f -i
        say() { zpty -w z "$1"; }
        hear() { local all= part=; for n in {1..15}; do sleep 0.1; while zpty -r -t z part; do all+=$part; done; done; print -r -- $all; }
        say 'PS1="$ "; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D; eval "$(asglog completion zsh)"'
        hear >/dev/null
        "#,
    );
    let cases = [
        ("asglog corr", "correlate"),
        ("asglog correlate --fo", "--follow"),
        ("asglog correlate --format ", "parquet"),
        ("asglog top --by dest", "destination"),
        ("asglog correlate ke", "kern.log"),
    ];
    for (typed, _) in cases {
        let _ = writeln!(
            script,
            "zpty -w -n z $'{typed}\\t\\t'; print '== {typed}'; hear; zpty -w -n z $'\\x15'"
        );
    }
    let Some(found) = shell(&["zsh", "-f", "-c", &script], folder.path()) else { return };
    if !found.contains("== ") {
        println!("skipped: this zsh has no module zsh/zpty");
        return;
    }
    for (typed, offered) in cases {
        let (_, rest) = found.split_once(&format!("== {typed}\n")).unwrap();
        let shown = rest.split("== ").next().unwrap();
        assert!(shown.contains(offered), "{typed}: {shown}");
    }
}

#[test]
fn the_manual_is_made_of_the_same_table() {
    let page = run("help", &["--man"]).stdout;
    assert!(page.starts_with(".TH ASGLOG 1\n"));
    for part in [
        "ASGLOG CORRELATE",
        "ASGLOG LEDGER BUILD",
        "\\-\\-no\\-trunc",
        "asglog check kern.log rep.stdout.log",
    ] {
        assert!(page.contains(part) || page.contains(&part.replace('-', "\\-")), "{part}");
    }
    let Ok(man) = Command::new("man").arg("--version").output() else {
        println!("skipped: man is not installed");
        return;
    };
    assert!(man.status.success());
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &page).unwrap();
    let shown =
        Command::new("man").arg("-l").arg(file.path()).env("MANWIDTH", "100").output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    if shown.is_empty() {
        println!("skipped: man shows nothing here, for want of its formatter");
        return;
    }
    assert!(shown.contains("ASGLOG CORRELATE") && shown.contains("COLUMNS"), "{shown}");
}
