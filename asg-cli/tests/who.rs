//! `asglog who` answers by whatever people have: a handle, an address, a GUID or a name.

mod common;

use asg_cc_client::embedded::{Foundation, Server};
use common::{CfHome, Run, here, run, run_with};

const CELL: &str = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea";
const HANDLE: &str = "bfce786c-ab07-40ad-79f9-8f21";
/// The process of `orders`, whose app has another GUID.
const PROCESS: &str = "d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6";
const APP: &str = "7e3b9c54";

fn who(args: &[&str]) -> Run {
    let log = here("data/foundation.log");
    run("who", &[args, &[&log]].concat())
}

/// With names of an embedded Cloud Controller.
fn named(args: &[&str]) -> Run {
    let story = asg_cli::program::demo::foundation();
    let server = Server::start(Foundation { tokens: Vec::new(), ..story }.token("sesame")).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let log = here("data/foundation.log");
    run_with("who", &[args, &["--cf", &log]].concat(), &[cf.env()], b"")
}

#[test]
fn the_beginning_of_a_handle_may_be_as_short_as_it_is_unambiguous() {
    for part in [HANDLE, "bfce786c-ab07-40ad-79f9-8", "bfce786c", "bfce", "BFCE786C"] {
        let found = who(&["--format", "ndjson", part]);
        assert_eq!(found.status, 0, "{part}: {}", found.stderr);
        let object = &found.objects()[0];
        assert_eq!(object["handle"], HANDLE, "{part}");
        let certainty = if part == HANDLE { "exact" } else { "unique_prefix" };
        assert_eq!(object["attribution"]["certainty"], certainty, "{part}");
    }
}

#[test]
fn an_address_is_answered_with_its_containers() {
    let all = who(&["--format", "ndjson", "10.255.73.3"]);
    assert_eq!((all.status, all.objects().len()), (0, 1), "{}", all.stderr);
    assert_eq!(all.objects()[0]["handle"], HANDLE);
    let at = |more: &[&str]| who(&[&["10.255.73.3", "--at"], more].concat());
    let then = at(&["2024-05-06T07:08:07Z"]);
    // Clocks of different cells may differ by two minutes, so only the cell makes it sure.
    assert_eq!(then.status, 1, "{}", then.stderr);
    assert!(
        then.stdout.contains(HANDLE) && then.stderr.contains("if not surely"),
        "{}",
        then.stdout
    );
    let on_cell = at(&["2024-05-06T07:08:07Z", "--cell", CELL]);
    assert!(on_cell.status == 0 && on_cell.stdout.contains(HANDLE), "{}", on_cell.stderr);
    let before = at(&["2020-01-01T00:00:00Z"]);
    assert_eq!(before.status, 1);
    assert!(before.stderr.contains("nobody is known for sure"), "{}", before.stderr);
    let nobody = who(&["10.1.1.1"]);
    assert_eq!(nobody.status, 1);
    assert!(nobody.stderr.contains("no line shows a container with this address"));
}

#[test]
fn a_process_guid_is_never_told_as_an_app_guid() {
    for asked in [PROCESS, "d2c81f6e"] {
        let found = who(&[asked]);
        assert_eq!(found.status, 0, "{}", found.stderr);
        assert_eq!(found.stderr, "asglog: found by process GUID: 1 container\n");
        assert!(found.stdout.contains("PROCESS_GUID") && !found.stdout.contains("APP_GUID"));
    }
    // Only a directory knows the app.
    assert_eq!(who(&[APP]).status, 1);
    let found = named(&[APP]);
    assert_eq!(found.stderr, "asglog: found by app GUID: 1 container\n");
    assert!(found.stdout.contains(PROCESS) && found.stdout.contains("shop/prod/orders"));
}

#[test]
fn an_app_is_found_by_its_name() {
    for asked in ["orders", "shop/prod/orders"] {
        let found = named(&[asked]);
        assert_eq!(found.stderr, "asglog: found by app name: 1 container\n", "{asked}");
        assert!(found.stdout.contains("2d7e64b1-95c0-4f18-6a3b-c4d2"), "{}", found.stdout);
    }
    let unknown = who(&["orders"]);
    assert_eq!((unknown.status, unknown.stdout.as_str()), (1, ""));
    assert!(unknown.stderr.contains("names come with --cf"), "{}", unknown.stderr);
}

#[test]
fn several_containers_that_begin_so_are_listed_and_nobody_is_chosen() {
    let line = |handle: &str| {
        format!(
            "{{\"timestamp\":\"2024-05-06T07:08:00Z\",\"level\":\"info\",\"source\":\"rep\",\"message\":\"rep.x\",\
             \"data\":{{\"container-guid\":\"{handle}\"}}}}\n"
        )
    };
    let log = line(HANDLE) + &line("bfce786c-0000-40ad-79f9-8f21");
    let found = run_with("who", &["bfce786c", "-"], &[], log.as_bytes());
    assert_eq!(found.status, 1);
    assert_eq!(found.stdout.lines().count(), 3, "{}", found.stdout);
    assert!(found.stderr.contains("several known handles begin so"), "{}", found.stderr);
}

#[test]
#[cfg(feature = "parquet")]
fn saved_flows_answer_when_the_logs_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("flows.parquet");
    let saved = saved.to_str().unwrap();
    assert_eq!(run("correlate", &["-o", saved, &here("data/foundation.log")]).status, 0);
    for asked in ["bfce786c", "10.255.73.3", "bc6f229d"] {
        let found = run("who", &[asked, "--flows", saved]);
        assert_eq!(found.status, 0, "{asked}: {}", found.stderr);
        assert!(found.stdout.contains(HANDLE), "{asked}: {}", found.stdout);
    }
    let ledger = folder.path().join("cells.ledger");
    let ledger = ledger.to_str().unwrap();
    assert_eq!(
        run("ledger", &["build", "--output", ledger, &here("data/foundation.log")]).status,
        0
    );
    assert!(run("who", &["bfce", "--ledger", ledger]).stdout.contains(HANDLE));
}

#[test]
fn what_nobody_has_is_said() {
    for (asked, why) in [
        ("99999999", "no rep line names a handle that begins so"),
        ("DENY_99999999-cdba-4381-412a", "no rep line names a handle that begins so"),
        ("nobody", "no line and no directory has an app with the name"),
        ("not a handle!", "no line and no directory has an app with the name"),
    ] {
        let found = who(&[asked]);
        assert_eq!(found.status, 1, "{asked}: {}", found.stderr);
        assert!(found.stderr.contains(why), "{asked}: {}", found.stderr);
    }
}
