//! The options about names: exports, logins, limits, and words on standard error.

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use asg_cc_client::embedded::{
    Clock, Event, Foundation, Limit, Outage, Page, Realm, Server, Trouble,
};
use common::{CfHome, Run, here, run, run_with};
use serde_json::{Value, json};

fn foundation() -> Foundation {
    let story = asg_cli::program::demo::foundation();
    Foundation { tokens: Vec::new(), ..story }.token("sesame")
}

/// The states and names of the apps of the bundled logs.
fn named(run: &Run) -> Vec<(Value, Value)> {
    let flows = run.objects();
    common::assert_schema("correlate", &flows);
    flows.iter().map(|flow| (flow["app"]["state"].clone(), flow["app"]["name"].clone())).collect()
}

fn correlate(args: &[&str], env: &[(&str, &str)]) -> Run {
    let log = here("data/foundation.log");
    let args = [&["--format", "ndjson"], args, &["--", &log]].concat();
    run_with("correlate", &args, env, b"")
}

#[test]
fn an_export_names_what_the_cloud_controller_names() {
    let server = Server::start(foundation()).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let live = correlate(&["--cf"], &[cf.env()]);
    assert_eq!((live.status, live.stderr.as_str()), (0, ""));
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("saved");
    let into = into.to_str().unwrap();
    let saved = run_with("export", &["--cf", "-o", into], &[cf.env()], b"");
    assert_eq!(saved.status, 0, "{}", saved.stderr);
    assert!(saved.stderr.contains("pages in"), "{}", saved.stderr);
    let again = run_with("export", &["--cf", "-o", into], &[cf.env()], b"");
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("it is a finished export"), "{}", again.stderr);
    drop(server);
    let offline = correlate(&["--cc-export", into], &[]);
    assert_eq!((offline.status, offline.stderr.as_str()), (0, ""));
    let names = |run: &Run| named(run).into_iter().filter(|(_, name)| name.is_string());
    assert_eq!(names(&offline).collect::<Vec<_>>(), names(&live).collect::<Vec<_>>());
    assert!(names(&live).count() >= 8);
    // A folder of `asglog export` is recognised without `--`.
    let log = here("data/foundation.log");
    let args = ["--format", "ndjson", "--cc-export", into, &log];
    assert_eq!(run("correlate", &args).stdout, offline.stdout);
}

#[test]
fn a_renamed_app_has_the_name_that_it_had_at_the_packets_time() {
    let mut story = foundation();
    let app = story.apps.iter().find(|app| app.name == "storefront").unwrap().clone();
    for (at, name) in [("2024-01-01T00:00:00Z", "stand"), ("2025-01-01T00:00:00Z", "storefront")] {
        story.events.push(Event {
            kind: "audit.app.update".into(),
            at: at.into(),
            target: app.guid.clone(),
            target_type: "app".into(),
            target_name: name.into(),
            data: serde_json::from_value(json!({"request": {"name": name}})).unwrap(),
            ..story.events[0].clone()
        });
    }
    let server = Server::start(story).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let then = |run: &Run| -> Vec<_> {
        assert_eq!(run.status, 0, "{}", run.stderr);
        let flows = run.objects();
        common::assert_schema("correlate", &flows);
        let own = flows.into_iter().filter(|flow| flow["app"]["guid"] == json!(app.guid));
        own.map(|flow| (flow["app"]["name"].clone(), flow["app"]["name_then"].clone())).collect()
    };
    let live = correlate(&["--cf"], &[cf.env()]);
    assert_eq!(then(&live), vec![(json!("storefront"), json!("stand")); 2]);
    let csv = ["--format", "csv", "--cf", &here("data/foundation.log")];
    let csv = run_with("correlate", &csv, &[cf.env()], b"").stdout;
    assert!(csv.lines().next().unwrap().contains(",app_name_then,"), "{csv}");
    assert_eq!(csv.matches(",stand,").count(), 2);
}

#[test]
fn packets_of_one_container_have_the_names_of_their_own_times() {
    let mut story = foundation();
    let app = story.apps[0].guid.clone();
    for (at, name) in [("2024-05-06T07:00:00Z", "before"), ("2024-05-06T08:00:00Z", "after")] {
        story.events.push(Event {
            kind: "audit.app.update".into(),
            at: at.into(),
            target: app.clone(),
            target_type: "app".into(),
            target_name: name.into(),
            data: serde_json::from_value(json!({"request": {"name": name}})).unwrap(),
            ..story.events[0].clone()
        });
    }
    let server = Server::start(story).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let process = format!("{app}-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f");
    let key = json!({"process_guid": process, "index": 0, "domain": "cf-apps"});
    let data = json!({"container-guid": "bfce786c-ab07-40ad-79f9-8f21", "lrp-key": key});
    let rep = json!({"timestamp": "2024-05-06T06:00:00Z", "level": "info", "source": "rep",
        "message": "rep.executing-container-operation.starting", "data": data});
    let packet = |hour: u32, n: u32| {
        format!(
            "2024-05-06T{hour:02}:30:00+00:00 cell kernel: [{hour}.{n:06}] OK_bfce786c-ab07-40ad-79f9-8 \
             IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={n} DF \
             PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 \n"
        )
    };
    let hours = [6, 7, 7, 8, 8, 7, 6];
    let packets = hours.iter().zip(1..).map(|(hour, n)| packet(*hour, n));
    let log = format!("{rep}\n{}", packets.collect::<String>());
    let run =
        run_with("correlate", &["--format", "ndjson", "--cf", "-"], &[cf.env()], log.as_bytes());
    let flows = run.objects();
    common::assert_schema("correlate", &flows);
    let then: Vec<_> = flows.iter().map(|flow| flow["app"].get("name_then").cloned()).collect();
    let name = |hour: &u32| match hour {
        7 => Some(json!("before")),
        8 => Some(json!("after")),
        // The event of its creation shows this name.
        _ => Some(json!("proxy")),
    };
    assert_eq!(then, hours.iter().map(name).collect::<Vec<_>>(), "{}", run.stderr);
}

#[test]
fn an_export_that_breaks_off_goes_on_where_it_ended() {
    let server = Server::start(foundation()).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    server.outage(Outage::new().first(1, "/v3/spaces", Trouble::Forbidden));
    let broken = run_with("export", &["--cf", "-o", into], &[cf.env()], b"");
    assert_eq!(broken.status, 2, "{}", broken.stderr);
    let asked =
        |path: &str| server.requests().iter().filter(|r| r.target.starts_with(path)).count();
    let before = asked("/v3/apps");
    let whole = run_with("export", &["--cf", "-o", into], &[cf.env()], b"");
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    assert_eq!(asked("/v3/apps"), before, "the pages of apps were there already");
}

#[test]
fn a_missing_page_is_a_sentence_and_the_run_incomplete() {
    let folder = tempfile::tempdir().unwrap();
    let apps = folder.path().join("apps.json");
    let page = json!({
        "pagination": {
            "total_results": 7_000,
            "first": {"href": "https://api.example.org/v3/apps?page=1&per_page=5000"},
            "next": {"href": "https://api.example.org/v3/apps?page=2&per_page=5000"},
        },
        "resources": [],
    });
    std::fs::write(&apps, page.to_string()).unwrap();
    let run = correlate(&["--cc-export", apps.to_str().unwrap()], &[]);
    assert_eq!(run.status, 1);
    let sentence = "asglog: apps.json holds 0 of 7,000 apps: save the other pages, too\n";
    assert_eq!(run.stderr, sentence);
    assert!(named(&run).iter().any(|(state, _)| state == "unavailable"), "{}", run.stdout);
}

#[test]
fn a_page_that_cannot_be_read_costs_its_own_names_only() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap().to_owned();
    let server = Server::start(foundation()).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    assert_eq!(run_with("export", &["--cf", "-o", &into], &[cf.env()], b"").status, 0);
    let whole = correlate(&["--cc-export", &into], &[]);
    let names = |run: &Run| named(run).into_iter().filter(|(_, name)| name.is_string()).count();
    assert_eq!((whole.status, names(&whole)), (0, 8));
    let log = here("data/foundation.log");
    // The page of processes is lost, and that of tasks breaks off.
    let page = |list: &str| {
        let file = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
        let of_list = |path: &std::path::PathBuf| {
            path.file_name().unwrap().to_str().unwrap().starts_with(list)
        };
        file.filter(of_list).min().unwrap()
    };
    let (processes, tasks) = (page("processes"), page("tasks"));
    std::fs::write(&processes, "FAILED\n").unwrap();
    let text = std::fs::read_to_string(&tasks).unwrap();
    std::fs::write(&tasks, &text[..text.len() - 2]).unwrap();
    let run = correlate(&["--cc-export", &into], &[]);
    assert_eq!(run.status, 1);
    let lines: Vec<_> = run.stderr.lines().collect();
    let of = |path: &Path| format!("asglog: {}: it is not JSON", path.display());
    assert_eq!(lines.len(), 2, "{}", run.stderr);
    for (line, page) in lines.iter().zip([&processes, &tasks]) {
        assert!(line.starts_with(&of(page)), "{line}");
    }
    assert!((1..8).contains(&names(&run)), "{}", names(&run));
    assert!(named(&run).iter().all(|(state, _)| state != "unknown"), "{}", run.stdout);
    // A page that breaks off is recognised without `--`. A file without any page gives no names.
    let apps = page("apps");
    let args = ["--format", "ndjson", "--cc-export"];
    let given = [apps.to_str().unwrap(), tasks.to_str().unwrap(), &log];
    let some = run_args(&args, &given);
    assert!(some.status == 1 && names(&some) > 0, "{}", some.stderr);
    assert_eq!(some.stderr.lines().count(), 1, "{}", some.stderr);
    let none = run_args(&args, &[processes.to_str().unwrap(), "--", &log]);
    assert_eq!((none.status, names(&none)), (1, 0));
    assert!(none.stderr.starts_with("asglog: there are no names: "), "{}", none.stderr);
}

/// The way to save pages with the cf CLI and jq that the operator's page shows.
#[test]
fn the_loop_of_the_operators_page_saves_what_names_all_apps() {
    let has = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if let Some(missing) = ["sh", "jq", "curl"].into_iter().find(|tool| !has(tool)) {
        eprintln!("skipped: there is no {missing}");
        return;
    }
    let page = std::fs::read_to_string(here("../docs/operators.md")).unwrap();
    let (_, behind) = page.split_once("\nThe cf CLI and jq save the same lists").unwrap();
    let (_, block) = behind.split_once("```sh\n").unwrap();
    let (script, _) = block.split_once("```").unwrap();

    // More than a page of every list that has one for each app.
    let story = foundation();
    let space = story.spaces[0].guid.clone();
    let story = (1..=1_050_u128).fold(story, |story, n| {
        story.app(&asg_core::Guid::from_u128(n).to_string(), &format!("app-{n}"), &space)
    });
    let server = Server::start(story).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let stand_in = "#!/bin/sh\ntest \"$1\" = curl || exit 1\n\
        exec curl -sS -g -H 'Authorization: bearer sesame' \"$CF_API$2\"\n";
    std::fs::write(bin.join("cf"), stand_in).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(bin.join("cf")).status().unwrap().success());
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let shell = Command::new("sh")
        .args(["-euc", script])
        .current_dir(&folder)
        .envs([("PATH", path.as_str()), ("CF_API", &server.url())])
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    let stderr = String::from_utf8(shell.stderr).unwrap();
    assert!(shell.status.success(), "{stderr}");
    let saved = folder.path().join("saved");
    let pages = |list: &str| {
        let names = std::fs::read_dir(&saved).unwrap().map(|file| file.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with(list)).count()
    };
    assert_eq!(["apps", "processes", "events", "tasks"].map(pages), [2, 6, 2, 1]);

    let cf = CfHome::new(&server.url(), "bearer sesame");
    let live = correlate(&["--cf"], &[cf.env()]);
    let read = correlate(&["--cc-export", saved.to_str().unwrap()], &[]);
    assert_eq!((read.status, read.stderr.as_str()), (0, ""));
    assert_eq!(named(&read), named(&live));
    // Without one of the pages it is not whole, and that is a sentence.
    std::fs::remove_file(saved.join("apps-2.json")).unwrap();
    let part = correlate(&["--cc-export", saved.to_str().unwrap()], &[]);
    let sentence = "apps-1.json holds 1,000 of 1,0";
    assert!(part.status == 1 && part.stderr.contains(sentence), "{}", part.stderr);
}

fn run_args(args: &[&str], more: &[&str]) -> Run {
    run("correlate", &[args, more].concat())
}

#[test]
fn two_dashes_end_the_list_of_pages_whatever_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, target: &str| {
        let request = http::Request::get(target)
            .header("host", "api.example.org")
            .header("authorization", "bearer sesame");
        let page = foundation().answer(&request.body(Vec::new()).unwrap());
        let path = folder.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(page.body()).unwrap();
        gzip.finish().unwrap();
        path.to_str().unwrap().to_owned()
    };
    let apps = save("apps", "/v3/apps?include=space.organization");
    let processes = save("processes", "/v3/processes");
    let log = here("data/article.log");
    for args in [
        vec!["--cc-export", &apps, &processes, "--", &log],
        vec!["--cc-export", &apps, &processes, &log],
        vec!["--cc-export", &apps, "--cc-export", &processes, "--", &log],
    ] {
        let run = run("correlate", &[&["--format", "ndjson"], &args[..]].concat());
        let names: Vec<_> = named(&run).into_iter().map(|(_, name)| name).collect();
        assert_eq!((run.status, names), (0, vec![json!("proxy"); 2]), "{args:?}: {}", run.stderr);
    }
    // A log before `--` is a page that cannot be read.
    let wrong = run("correlate", &["--cc-export", &apps, &log, "--", &log]);
    assert_eq!(wrong.status, 1, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("article.log"), "{}", wrong.stderr);
}

fn stage() -> (Server, tempfile::NamedTempFile) {
    let realm = Realm::new().robot("reader", "s3cret word", &["cloud_controller.global_auditor"]);
    let story = Foundation { tokens: Vec::new(), ..foundation() };
    let server = Server::start_with_uaa(story, realm, Clock::system()).unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "s3cret word\n").unwrap();
    (server, secret)
}

#[test]
fn a_client_logs_in_with_a_secret_that_no_command_line_shows() {
    let (server, file) = stage();
    let url = server.url();
    let secret = file.path().to_str().unwrap();
    let args = ["--api", &url, "--client", "reader"];
    for (more, env) in [
        (vec!["--client-secret-file", secret], vec![]),
        // No setting of the environment makes the HTTP library show what it sends.
        (vec![], vec![("ASGLOG_CLIENT_SECRET", "s3cret word"), ("RUST_LOG", "trace")]),
    ] {
        let run = correlate(&[&args[..], &more].concat(), &env);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""));
        assert!(named(&run).iter().any(|(state, _)| state == "live"));
    }
    assert_eq!(server.uaa().unwrap().issued(), 2, "one login a run");
    let env = [("ASGLOG_CLIENT_SECRET", "wrong horse")];
    let run = correlate(&args, &env);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("the UAA refuses the login"), "{}", run.stderr);
    assert!(!run.stderr.contains("wrong horse"), "{}", run.stderr);
    assert_eq!(server.uaa().unwrap().requests().len(), 3, "a wrong secret is sent once");
}

#[test]
fn a_uaa_that_does_not_answer_is_named_and_not_the_cloud_controller() {
    let (server, file) = stage();
    let (url, secret) = (server.url(), file.path().to_str().unwrap());
    let uaa = server.uaa().unwrap();
    let args = ["--api", &url, "--client", "reader", "--client-secret-file", secret];
    uaa.outage(Outage::new().always("/", Trouble::Unavailable(500, Page::Html)));
    let run = correlate(&args, &[]);
    assert_eq!(run.status, 1);
    let told = format!("names are missing: the UAA at {} cannot answer now (HTTP 500)", uaa.url());
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert!(named(&run).iter().any(|(state, _)| state == "unavailable"));
    // The program reports that it waits for it, too.
    uaa.outage(Outage::new().first(1, "/", Trouble::TooManyRequests(Limit::Seconds(3))));
    let run = correlate(&args, &[]);
    let told = "asglog: waiting for the UAA: it asks for fewer requests; ";
    assert!(run.stderr.starts_with(told), "{}", run.stderr);
    assert_eq!(run.status, 0);
}

#[test]
fn the_cf_clis_refresh_token_is_used_if_that_is_asked_for() {
    let realm = Realm::new().client("cf", "").user("me", "pw", &["cloud_controller.admin"], &[]);
    let story = Foundation { tokens: Vec::new(), ..foundation() };
    let server = Server::start_with_uaa(story, realm, Clock::system()).unwrap();
    let uaa = server.uaa().unwrap();
    // As `cf login` does it.
    let transport = asg_cc_client::HttpTransport::new().unwrap();
    let form = http::Request::post(format!("{}/oauth/token", uaa.url()))
        .header("authorization", "Basic Y2Y6")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(b"grant_type=password&username=me&password=pw".to_vec())
        .unwrap();
    let answer = asg_cc_client::Transport::send(&transport, form).unwrap();
    let tokens: Value = serde_json::from_slice(answer.body()).unwrap();
    let cf = CfHome::new(&server.url(), tokens["access_token"].as_str().unwrap());
    cf.change(|config| config["RefreshToken"] = tokens["refresh_token"].clone());
    uaa.revoke_access_tokens();
    let kept = correlate(&["--cf"], &[cf.env()]);
    assert_eq!(kept.status, 1);
    assert!(kept.stderr.contains("log in again"), "{}", kept.stderr);
    let renewed = correlate(&["--cf", "--renew"], &[cf.env()]);
    assert_eq!((renewed.status, renewed.stderr.as_str()), (0, ""));
}

#[test]
fn an_old_foundation_can_be_asked_in_its_own_version() {
    let server = Server::start(foundation()).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let log = here("data/article.log");
    let args = ["--format", "ndjson", "--cf", "--cc-v2", &log];
    let run = run_with("correlate", &args, &[cf.env()], b"");
    assert_eq!((run.status, &run.objects()[0]["app"]["name"]), (0, &json!("proxy")));
    let is_v2 = |path: &str| path == "/" || path.starts_with("/v2/");
    assert!(server.requests().iter().all(|request| is_v2(&request.target)));
}

#[test]
fn limits_end_a_question_with_a_sentence() {
    let server = Server::start(foundation()).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let few = correlate(&["--cf", "--cc-budget", "2"], &[cf.env()]);
    assert_eq!(few.status, 1);
    assert!(few.stderr.contains("the budget of 2 requests is used up"), "{}", few.stderr);
    server.outage(Outage::new().always("/", Trouble::Slow(Duration::from_secs(20))));
    let began = std::time::Instant::now();
    let short = correlate(&["--cf", "--cc-deadline", "3"], &[cf.env()]);
    assert_eq!(short.status, 1);
    assert!(began.elapsed() < Duration::from_secs(10));
    let lines: Vec<_> = short.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", short.stderr);
    assert_eq!(lines[0], "asglog: waiting for the Cloud Controller: 1 request so far");
    assert!(lines[1].starts_with("asglog: names are missing: "), "{}", lines[1]);
}

#[test]
fn people_are_told_what_is_waited_for() {
    let server = Server::start(foundation()).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    server.outage(Outage::new().first(1, "/v3/apps", Trouble::TooManyRequests(Limit::Seconds(3))));
    let run = correlate(&["--cf"], &[cf.env()]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let told = "asglog: waiting for the Cloud Controller: it asks for fewer requests; ";
    assert!(run.stderr.starts_with(told), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn options_about_names_that_do_not_go_together_say_so() {
    for (args, message) in [
        (&["--token-file", "x"][..], "--token-file goes with --api or --cf"),
        (&["--cc-v2", "--cc-export", "x"], "--cc-v2 goes with --api or --cf"),
        (&["--cf", "--token-file", "x", "--renew"], "--token-file and --renew are two ways"),
        (&["--cf", "--client", "x"], "--client needs a secret: give --client-secret-file, or set"),
        (&["--cf", "--client-secret-file", "x"], "--client-secret-file goes with --client"),
        (&["--cf", "--cc-deadline", "0"], "--cc-deadline takes a number from 1 on, and not `0`"),
    ] {
        let run = run("correlate", args);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{args:?}");
        assert!(run.stderr.starts_with(&format!("asglog: {message}")), "{}", run.stderr);
    }
    for (args, message) in [
        (&["--cf"][..], "give --output FOLDER"),
        (&["-o", "x"], "give --cf or --api"),
        (&["-o", "x", "--cf", "kern.log"], "reads no logs"),
    ] {
        let run = run("export", args);
        assert_eq!(run.status, 2);
        assert!(run.stderr.contains(message), "{}", run.stderr);
        assert!(!Path::new("x").exists());
    }
}
