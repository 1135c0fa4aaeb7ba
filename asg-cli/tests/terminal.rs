//! The program on a terminal: tables fit, wrong words are corrected, helps have examples.

mod common;

use std::process::Command;

use common::{ASGLOG, here, run, run_with};

/// Returns the demonstration in so many columns.
fn shown(width: &str) -> String {
    let run = run("demo", &["-q", "--width", width]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    run.stdout
}

#[test]
fn at_80_columns_every_row_has_its_time_verdict_app_and_destination() {
    insta::assert_snapshot!(shown("80"));
}

#[test]
fn at_100_columns_more_is_shown() {
    insta::assert_snapshot!(shown("100"));
}

#[test]
fn at_120_columns_more_is_shown() {
    insta::assert_snapshot!(shown("120"));
}

#[test]
fn no_width_cuts_a_time_a_port_a_protocol_or_an_apps_name() {
    let whole = run("demo", &["-q", "--wide", "--width", "80"]).stdout;
    assert_eq!(whole, run("demo", &["-q"]).stdout);
    let rows: Vec<_> = whole.lines().skip(1).take(11).collect();
    for width in 1..200 {
        let narrow = shown(&width.to_string());
        // Years have lines of their own.
        let is_row = |line: &&str| line.len() > 20 && line.as_bytes()[2] == b'-';
        let found: Vec<_> = narrow.lines().filter(is_row).take(rows.len()).collect();
        assert_eq!(found.len(), rows.len(), "{width}: {narrow}");
        for (row, found) in rows.iter().zip(found) {
            let destination = row.split("→  ").nth(1).unwrap().split("  ").next().unwrap();
            let app = row[47..].split([' ', '\u{2192}']).find(|word| word.contains('/'));
            let app = app.map_or("-", |path| path.rsplit('/').next().unwrap());
            for part in [&row[5..19], destination, app] {
                assert!(found.contains(part), "{width}: {part:?} is not in {found:?}");
            }
            assert!(width < 80 || found.chars().count() <= width, "{width}: {found}");
        }
    }
}

#[test]
fn nothing_is_shortened_if_that_is_asked_for() {
    let shown = run("demo", &["-q", "--width", "80", "--no-trunc"]).stdout;
    assert!(shown.contains("shop/prod/mailer worker #0"), "{shown}");
    assert!(shown.contains("(deleted 2024-05-06)"), "{shown}");
    assert!(!shown.contains("diego_cell/1"), "{shown}");
}

#[test]
fn guids_are_shown_by_their_beginning_where_there_is_no_room() {
    let log = here("data/foundation.log");
    let narrow = run("correlate", &["--width", "100", &log]).stdout;
    assert!(narrow.contains("process bc6f229d… #0"), "{narrow}");
    let wide = run("correlate", &[&log]).stdout;
    assert!(wide.contains("process bc6f229d-5e4a-4c41-a63f-e8795496c283-"), "{wide}");
}

/// Runs a command on a terminal and returns its output; `None`, with a reason, without script(1).
fn on_a_terminal(command: &str) -> Option<String> {
    let Ok(version) = Command::new("script").arg("--version").output() else {
        println!("skipped: there is no script(1) here");
        return None;
    };
    if !String::from_utf8_lossy(&version.stdout).contains("util-linux") {
        println!("skipped: script(1) here is not that of util-linux");
        return None;
    }
    let command = format!("stty rows 24 cols 100; {ASGLOG} {command}");
    let shown = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env_remove("COLUMNS")
        .env("TERM", "xterm")
        .output()
        .unwrap();
    Some(String::from_utf8(shown.stdout).unwrap().replace("\r\n", "\n"))
}

#[test]
fn a_real_terminal_gets_the_same_table() {
    let Some(text) = on_a_terminal("demo -q --color never") else { return };
    assert_eq!(text, run("demo", &["-q", "--width", "100"]).stdout);
}

#[test]
fn a_page_goes_to_a_terminal_only_if_it_is_asked_for() {
    let log = here("data/foundation.log");
    let Some(text) = on_a_terminal(&format!("report {log}")) else { return };
    assert!(text.starts_with("asglog: a report goes to a file: give --output"), "{text}");
    let page = on_a_terminal(&format!("report -q -o - {log}")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
}

#[test]
fn colours_are_there_if_they_are_asked_for() {
    let demo = |args: &[&str], env: &[(&str, &str)]| run_with("demo", args, env, b"").stdout;
    assert!(!demo(&["-q"], &[]).contains('\u{1b}'));
    assert!(demo(&["-q", "--color", "always"], &[("NO_COLOR", "1")]).contains("\u{1b}[32mallowed"));
    assert!(demo(&["-q", "--color=always"], &[]).contains("\u{1b}[31mdenied"));
    assert!(!demo(&["-q", "--color=never"], &[]).contains('\u{1b}'));
}

#[test]
fn times_are_in_the_zone_that_was_asked_for() {
    let berlin = run("demo", &["-q", "--tz", "Europe/Berlin"]).stdout;
    assert!(berlin.starts_with("TIME (Europe/Berlin)"), "{berlin}");
    assert!(berlin.contains("2024-05-06 09:09:10"), "{berlin}");
    let fixed = run("demo", &["-q", "--tz=-03:30", "--since", "2024-05-06 03:39:52"]).stdout;
    assert_eq!(fixed.lines().filter(|line| line.starts_with("2024")).count(), 1, "{fixed}");
    let local = run_with("demo", &["-q", "--local"], &[("TZ", "America/New_York")], b"").stdout;
    assert!(local.starts_with("TIME (America/New_York)"), "{local}");
}

#[test]
fn days_of_a_timeline_begin_by_the_clock_of_the_zone() {
    let log = here("data/foundation.log");
    for (zone, wanted) in [
        ("UTC", "2024-05-06T00:00:00Z"),
        ("Europe/Berlin", "2024-05-05T22:00:00Z"),
        ("-08:00", "2024-05-05T08:00:00Z"),
    ] {
        let tz = format!("--tz={zone}");
        let found = run("timeline", &["-q", "--every", "1d", &tz, "--format", "ndjson", &log]);
        let times: Vec<_> = found.objects().iter().map(|row| row["time"].to_string()).collect();
        assert!(!times.is_empty(), "{}", found.stderr);
        assert!(times.iter().all(|time| *time == format!("\"{wanted}\"")), "{zone} {times:?}");
    }
}

#[test]
fn a_time_without_a_year_is_shown_as_far_as_it_is_known() {
    let log = std::fs::read_to_string(here("data/article.log")).unwrap();
    let packet = log.lines().find(|line| line.contains("DST=")).unwrap();
    let run = run_with("correlate", &["-q", "-"], &[], packet.as_bytes());
    assert!(run.stdout.contains("--06-16 23:18:38"), "{}", run.stdout);
}

#[test]
fn rows_are_chosen_sorted_and_limited() {
    let log = here("data/foundation.log");
    let csv = |args: &[&str]| {
        let all = [&["--format", "csv", "--columns", "dst,dpt", &log], args].concat();
        let run = run("correlate", &all);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{args:?}");
        run.stdout.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(csv(&[]).len(), 9);
    assert_eq!(csv(&["-n", "2"]), csv(&[])[..2]);
    let sorted = csv(&["--sort", "-dpt"]);
    assert_eq!((&*sorted[0], &*sorted[8]), ("10.255.73.4,8080", "198.51.100.7,"));
    assert_eq!(csv(&["--sort", "-dpt", "-n", "3"]), sorted[..3]);
    assert_eq!(csv(&["--where", "dpt>5000"]).len(), 4);
    assert_eq!(csv(&["--where", "dpt!=53", "--where", "verdict=allowed"]).len(), 5);
    assert_eq!(
        csv(&["--since", "2024-05-06T07:09:16Z", "--until", "2024-05-06T07:09:44Z"]).len(),
        2
    );
    assert_eq!(csv(&["-q", "--until", "2024-05-06"]).len(), 0);
    let parsed = run("parse", &["--where", "dpt<=443", "-n", "2", &log]);
    assert_eq!(parsed.objects().len(), 2);
    assert!(parsed.objects().iter().all(|object| object["packet"]["dpt"].as_u64() <= Some(443)));
    let limited = run("parse", &["-n", "3", &log]);
    assert_eq!(limited.stdout.lines().count(), 3);
    let summary = run("demo", &["-q", "--format", "summary", "-n", "1"]).stdout;
    assert!(summary.contains("apps or containers more"), "{summary}");
    let json = run("demo", &["-q", "--format", "json"]).objects();
    assert_eq!(json.len(), 11);
}

#[test]
fn a_word_that_was_meant_is_named() {
    let log = here("data/article.log");
    let log = log.as_str();
    for (args, said) in [
        (&["corelate", log][..], "did you mean `correlate`?"),
        (&["summery"], "there is no command `summery`, but parse,"),
        (&["ledger", "bild"], "did you mean `ledger build`?"),
        (&["help", "columns2"], "there is no help about `columns2`; did you mean `columns`?"),
        (&["correlate", "--colums", "dpt", log], "did you mean `--columns`?"),
        (&["correlate", "--by", "dpt", log], "asglog top, asglog timeline have it"),
        (&["correlate", "--format", "ndjsn", log], "did you mean `ndjson`?"),
        (&["correlate", "--color", "alway", log], "did you mean `always`?"),
        (&["correlate", "--where", "dport=80", log], "did you mean `dpt`?"),
        (&["correlate", "--where", "verdict=deny", log], "did you mean `denied`?"),
        (&["correlate", "--where", "plane=acg", log], "did you mean `asg`?"),
        (&["correlate", "--columns", "tme", log], "did you mean `time`?"),
        (&["correlate", "--sort", "-dts", log], "did you mean `dst`?"),
        (&["top", "--by", "dport", log], "did you mean `dpt`?"),
        (&["top", "--by", "destinations", log], "did you mean `destination`?"),
        (&["top", "--measure", "packet", log], "did you mean `packets`?"),
        (&["top", "-n", "all", log], "--limit takes a number, and not `all`"),
        (&["correlate", "--tz", "Mars", log], "Europe/Berlin"),
        (&["correlate", "--since", "yesterday", log], "2024-05-06"),
        (&["correlate", "--width", "wide", log], "--width takes a number"),
        (&["correlate", "--since"], "--since takes a value: --since TIME"),
        (
            &["correlate", "--columns", "dpt", "--format", "ndjson", log],
            "--columns goes with table",
        ),
        (&["correlate", "--sort", "dpt", "--format", "summary", log], "--sort goes with"),
        (&["correlate", "--follow", "-n", "3", log], "--limit does not go with --follow"),
        (&["completion", "tcsh"], "bash, zsh or fish"),
        (&["completion", "bsh"], "did you mean `bash`?"),
        (&["completion"], "bash, zsh or fish"),
        (&[log], "type asglog correlate"),
    ] {
        let found = Command::new(ASGLOG).args(args).output().unwrap();
        let stderr = String::from_utf8(found.stderr).unwrap();
        assert_eq!((found.status.code(), found.stdout.len()), (Some(2), 0), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    }
}

#[test]
fn columns_are_listed_with_their_values() {
    let text = run("help", &["columns"]).stdout;
    for column in asg_cli::query::COLUMNS {
        assert!(text.contains(&format!("\n  {} ", column.name)), "{}", column.name);
    }
    for word in
        ["unique_prefix", "unknown_handle", "rate_limit", "destination", "app_guid, app_name"]
    {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn answers_are_small_tables_and_say_so_if_they_are_empty() {
    let log = here("data/foundation.log");
    let rows = |args: &[&str]| {
        let all = [&args[..1], &["-q", "--format", "ndjson", &log], &args[1..]].concat();
        let run = run(all[0], &all[1..]);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{args:?}");
        run.objects()
    };
    let sum = |rows: &[serde_json::Value]| -> u64 {
        rows.iter().map(|row| row["packets"].as_u64().unwrap()).sum()
    };
    for every in ["10s", "1h", "1d"] {
        assert_eq!(sum(&rows(&["timeline", "--every", every])), 9, "{every}");
    }
    assert_eq!(rows(&["timeline"]).len(), 2, "allowed and denied");
    assert_eq!(sum(&rows(&["episodes", "--gap", "1h"])), 3);
    assert_eq!(rows(&["episodes", "-n", "1"]).len(), 1);
    let (all, late) = ("2024-01-01", "2024-05-06T07:09:50Z");
    assert_eq!(rows(&["new", "--since", all]).len(), 7, "two go to apps, and are no destinations");
    assert_eq!(rows(&["new", "--since", late])[0]["dst"], "192.0.2.99");
    let empty = run("new", &["--since", "2025-01-01", &log]);
    assert_eq!(empty.status, 0);
    assert!(empty.stderr.contains("new destination since then"), "{}", empty.stderr);
    let without = run("new", &[&log]);
    assert_eq!(without.status, 2);
    assert!(without.stderr.contains("takes --since TIME"), "{}", without.stderr);
}

#[test]
fn what_was_read_is_told_if_that_is_asked_for() {
    let log = here("data/foundation.log");
    for command in ["correlate", "top", "parse"] {
        let told = run(command, &["-v", &log]).stderr;
        assert!(told.contains("read 1 logs with 16 lines in"), "{command}: {told}");
        assert!(told.contains("9 packets, 7 about containers"), "{command}: {told}");
    }
}
