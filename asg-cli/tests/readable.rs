//! Outputs for people: names that somebody else chose neither command a terminal nor a spreadsheet,
//! and two apps with one path are two.

mod common;

use asg_cc_client::embedded::{Foundation, Server};
use common::{CfHome, here, run_with};

const PROXY: &str = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0";

fn foundation(name: &str) -> Foundation {
    let story = asg_cli::program::demo::foundation();
    let mut story = Foundation { tokens: Vec::new(), ..story }.token("sesame");
    story.apps.iter_mut().find(|app| app.guid == PROXY).unwrap().name = name.into();
    story
}

#[test]
fn names_are_escaped_wherever_people_read_them() {
    let server = Server::start(foundation("a\u{1b}[31m/b\n\u{202e}c")).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let log = here("data/article.log");
    let handle = "d08bb414-cdba-4381-412a-e9ecc";
    let shown = r"o/s/a\u{1b}[31m\u{2f}b\u{a}\u{202e}c";
    for (command, args) in [
        ("correlate", vec!["--cf", &log]),
        ("correlate", vec!["--cf", "--format", "summary", &log]),
        ("top", vec!["--cf", &log]),
        ("who", vec!["--cf", handle, &log]),
    ] {
        let run = run_with(command, &args, &[cf.env()], b"");
        assert_eq!(run.status, 0, "{args:?}: {}", run.stderr);
        assert!(run.stdout.contains(shown), "{args:?}: {}", run.stdout);
        assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{args:?}: {}", run.stdout);
    }
    let run = run_with("correlate", &["no/\u{1b}[31mfile"], &[], b"");
    assert!(run.stderr.contains(r"no/\u{1b}[31mfile: No such file"), "{}", run.stderr);
}

#[test]
fn a_formula_is_disarmed_in_csv_if_that_is_asked_for() {
    let server = Server::start(foundation("=HYPERLINK(\"x\")")).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let log = here("data/article.log");
    let csv = |command: &str, more: &[&str]| {
        let args = [&["--format", "csv", "--cf", &log], more].concat();
        let run = run_with(command, &args, &[cf.env()], b"");
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{command} {more:?}");
        run.stdout
    };
    for command in ["correlate", "top"] {
        let args: &[&str] = if command == "top" { &["--by", "app_name"] } else { &[] };
        let armed = csv(command, args);
        assert!(armed.contains(r#""=HYPERLINK(""x"")""#), "{armed}");
        let safe = csv(command, &[args, &["--csv-safe"]].concat());
        assert_eq!(safe, armed.replace("\"=HYPERLINK", "\"'=HYPERLINK"));
    }
    let run = run_with("correlate", &["--csv-safe", &log], &[], b"");
    assert_eq!(run.stderr, "asglog: --csv-safe goes with --format csv (see --help)\n");
}

#[test]
fn a_summary_keeps_a_deleted_app_and_its_successor_apart() {
    let mut story = foundation("storefront");
    let (old, successor) = {
        let live = story.apps.iter().find(|app| app.name == "pinger").is_none();
        assert!(live, "the story has deleted it");
        let event = story.events.iter_mut().find(|e| e.kind == "audit.app.delete-request").unwrap();
        event.target_name = "storefront".into();
        let app = story.apps.iter().find(|app| app.guid != PROXY && app.name == "storefront");
        (event.target.clone(), app.unwrap().guid.clone())
    };
    let server = Server::start(story).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let log = here("data/foundation.log");
    let run = run_with("correlate", &["--cf", "--format", "summary", &log], &[cf.env()], b"");
    assert_eq!(run.status, 0, "{}", run.stderr);
    let rows: Vec<_> =
        run.stdout.lines().filter(|line| line.contains("shop/prod/storefront")).collect();
    assert_eq!(rows.len(), 2, "{old} and {successor}: {}", run.stdout);
    assert_eq!(rows.iter().filter(|row| row.contains(" (deleted ")).count(), 1, "{rows:?}");
}
