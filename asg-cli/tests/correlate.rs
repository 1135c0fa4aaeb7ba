//! The contract of `correlate`: names for packets, from logs and a directory, and what happens when
//! either is missing.

mod common;

use asg_cc_client::embedded::{Foundation, Server};
use common::{CfHome, Run, assert_schema, fixture, here, jwt, run, run_with};
use serde_json::{Value, json};

const PROXY: &str = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0";

#[test]
fn the_demonstration_shows_the_whole_procedure() {
    let Run { status, stdout, stderr } = run("demo", &[]);
    assert_eq!(status, 0);
    assert!(stderr.starts_with("asglog: a demonstration on bundled logs, with an embedded Cloud Controller on http://127.0.0.1:"));
    assert_eq!(stderr.lines().count(), 1);
    insta::assert_snapshot!(stdout);
}

#[test]
fn the_summary_counts_the_same_flows() {
    insta::assert_snapshot!(run("demo", &["--format", "summary"]).stdout);
}

#[test]
fn the_summary_in_json_has_the_same_counts_and_the_lines_of_each_source() {
    let folder = tempfile::tempdir().unwrap();
    let [log, odd] = ["foundation.log", "odd.log"].map(|name| folder.path().join(name));
    std::fs::copy(here("data/foundation.log"), &log).unwrap();
    let odd_lines = format!("hello\nx{}\n? IN: SRC=10.0.0.1 DST=10.0.0.2\n", "y".repeat(70_000));
    std::fs::write(&odd, odd_lines).unwrap();
    let args = |format| ["--format", format, log.to_str().unwrap(), odd.to_str().unwrap()];
    let run_as = |format| run("correlate", &args(format));
    let found = run_as("summary-json");
    assert_eq!(found.status, 1, "a line is over-long: {}", found.stderr);
    let objects = found.objects();
    assert_schema("summary", &objects);
    let [summary] = &objects[..] else { panic!("{objects:?}") };

    let flows = run_as("ndjson").objects();
    let of = |key: &str, value: &str| {
        flows.iter().filter(|flow| flow["attribution"][key] == value).count() as u64
    };
    for (word, n) in summary["certainty"].as_object().unwrap() {
        assert_eq!(n.as_u64(), Some(of("certainty", word)), "{word}");
    }
    assert!(!summary["not_told"].as_array().unwrap().is_empty());
    for told in summary["not_told"].as_array().unwrap() {
        let n = told["packets"].as_u64();
        assert_eq!(n, Some(of("reason", told["reason"].as_str().unwrap())), "{told}");
    }
    let verdicts = |verdict: &str| {
        let sum = |app: &Value| app[verdict].as_u64().unwrap();
        summary["apps"].as_array().unwrap().iter().map(sum).sum::<u64>()
    };
    let sure = flows.iter().filter(|flow| {
        !matches!(flow["attribution"]["certainty"].as_str(), Some("unknown" | "ambiguous"))
    });
    assert_eq!(verdicts("allowed") + verdicts("denied"), sure.count() as u64);
    assert_eq!(summary["owners"], summary["apps"].as_array().unwrap().len());

    let sources = summary["sources"].as_array().unwrap();
    let odd = sources.iter().find(|it| it["source"] == odd.to_str().unwrap()).unwrap();
    assert_eq!(odd["first"], serde_json::json!({"over_long": 2, "not_understood": 3}));
    assert_eq!((&odd["lines"]["other"], &odd["lines"]["over_long"]), (&1.into(), &1.into()));
    let lines = |source: &Value| {
        source["lines"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>()
    };
    assert_eq!(summary["lines"].as_u64(), Some(sources.iter().map(lines).sum()));
}

#[test]
fn the_summary_is_the_same_for_any_number_of_threads() {
    use std::fmt::Write as _;

    // Several blocks of packets of three containers, every tenth logged twice, and in the middle
    // the owner of one of them.
    let mut log = String::new();
    for n in 0..9_000 {
        let handle =
            ["bfce786c-ab07-40ad-79f9-8", "d08bb414-cdba-4381-412a-e", "46ab3511-e11c-45cd-9f3e-a"]
                [n % 3];
        let packet = format!(
            "2024-05-06T07:{:02}:{:02}+00:00 10.0.16.15 kernel: [{n:>5}.000000] OK_{handle} IN=s-01025507300{} OUT=eth0 \
             SRC=10.255.73.{} DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={n} DF PROTO=TCP SPT={} DPT=80 \
             WINDOW=27400 RES=0x00 SYN URGP=0 \n",
            n / 600,
            n / 10 % 60,
            n % 3,
            n % 3,
            1_024 + n,
        );
        log.push_str(&packet.repeat(if n % 10 == 0 { 2 } else { 1 }));
        if n == 5_000 {
            let data = r#"{"container-guid":"bfce786c-ab07-40ad-79f9-8f21"}"#;
            let _ = writeln!(
                log,
                r#"{{"timestamp":"2024-05-06T07:08:00Z","level":"info","source":"rep","message":"rep.x","data":{data}}}"#
            );
        }
    }
    assert!(log.len() > 1_500_000);
    let summary = |threads| {
        let args = ["--format", "summary", "--threads", threads, "-"];
        run_with("correlate", &args, &[], log.as_bytes()).stdout
    };
    let one = summary("1");
    insta::assert_snapshot!(one);
    for threads in ["2", "3", "8"] {
        assert_eq!(summary(threads), one, "{threads}");
    }
}

#[test]
fn the_summary_is_the_same_however_a_log_is_packed() {
    let folder = tempfile::tempdir().unwrap();
    let plain = std::fs::read(here("data/foundation.log")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let summary = |path: &str, stdin: &[u8]| {
        let run = run_with("correlate", &["--format", "summary", path], &[], stdin);
        assert_eq!(run.status, 0, "{}", run.stderr);
        let place = run.stdout.rfind(path).unwrap();
        run.stdout[..place].to_owned() + &run.stdout[place + path.len()..]
    };
    let expected = summary(&here("data/foundation.log"), b"");
    for bytes in [zstd::encode_all(&plain[..], 1).unwrap(), gzip, plain] {
        let path = folder.path().join("a.log");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(summary(path.to_str().unwrap(), b""), expected);
        assert_eq!(summary("-", &bytes), expected);
    }
}

#[test]
fn each_story_of_the_demonstration_ends_in_its_app() {
    let run = run("demo", &["--format=ndjson"]);
    let flows = run.objects();
    assert_schema("correlate", &flows);
    let found: Vec<_> = flows
        .iter()
        .map(|flow| {
            let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let certainty = word(&flow["attribution"]["certainty"]);
            [
                &flow["org"]["name"],
                &flow["space"]["name"],
                &flow["app"]["name"],
                &flow["app"]["state"],
            ]
            .map(word)
            .join(" ")
                + " "
                + &certainty
        })
        .collect();
    assert_eq!(
        found,
        [
            "o s proxy live unique_prefix",
            "o s proxy live unique_prefix",
            "shop prod storefront live unique_prefix",
            "shop prod storefront live unique_prefix",
            // A rolling deployment: the process GUID in the log is not the app's.
            "shop prod orders live unique_prefix",
            "shop prod mailer live unique_prefix",
            "shop prod orders live unique_prefix",
            "shop prod mailer live unique_prefix",
            "shop prod pinger deleted unique_prefix",
            "shop prod mailer live unique_prefix",
            "- - - not_asked unknown",
        ]
    );
    assert_ne!(flows[4]["app"]["guid"], flows[4]["process_guid"].as_str().unwrap()[..36]);
    assert_eq!(flows[10]["attribution"]["reason"], "unknown_handle");
}

#[test]
fn the_articles_packet_ends_in_its_app_also_when_that_is_deleted() {
    let server = Server::start(foundation()).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let article = here("data/article.log");
    let args = ["--format", "ndjson", "--cf", &article];
    let state = |run: &Run| {
        let flows = run.objects();
        let one = &flows[1];
        assert_eq!(one["handle_prefix"], "d08bb414-cdba-4381-412a-e9ecc");
        assert_eq!(one["handle"], "d08bb414-cdba-4381-412a-e9ecc1b7d0f4");
        assert_eq!(one["attribution"]["evidence"], json!([{"source": article, "line": 5}]));
        assert_eq!(
            (&one["app"]["name"], &one["space"]["name"], &one["org"]["name"]),
            (&json!("proxy"), &json!("s"), &json!("o"))
        );
        one["app"]["state"].as_str().unwrap().to_owned()
    };
    let live = run_with("correlate", &args, &[cf.env()], b"");
    assert_eq!((live.status, state(&live)), (0, "live".to_owned()), "{}", live.stderr);
    server.update(|foundation| foundation.delete_app(PROXY, "2017-06-23T10:00:00Z"));
    let deleted = run_with("correlate", &args, &[cf.env()], b"");
    assert_eq!((deleted.status, state(&deleted)), (0, "deleted".to_owned()), "{}", deleted.stderr);
}

#[test]
fn an_old_foundation_with_v2_only_gives_the_same_names() {
    let server = Server::start(foundation().without_v3()).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let run = run_with(
        "correlate",
        &["--format", "ndjson", "--api", &server.url(), &here("data/article.log")],
        &[cf.env()],
        b"",
    );
    assert_eq!(
        (run.status, &run.objects()[0]["app"]["name"]),
        (0, &json!("proxy")),
        "{}",
        run.stderr
    );
}

#[test]
fn a_directory_that_cannot_answer_costs_the_names_and_nothing_else() {
    let server = Server::start(foundation()).unwrap();
    // A root document that still names v2, and nginx in front of it, which has switched v2 off.
    let v2_off = Server::start(foundation().without_v3()).unwrap();
    v2_off.intercept(|request| {
        let page = http::Response::builder().status(404).header("content-type", "text/html");
        let is_v2 = request.uri().path().starts_with("/v2/");
        is_v2.then(|| page.body(b"V2 endpoints disabled".to_vec()).unwrap())
    });
    let expired = CfHome::new(&server.url(), "bearer expired");
    let article = here("data/article.log");
    let closed = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for (args, env, sentence) in [
        (vec!["--cf"], vec![expired.env()], "the access token is expired or not this foundation's"),
        (vec!["--api", &v2_off.url()], vec![expired.env()], "the v2 API is switched off"),
        (vec!["--api", "api.example.org"], vec![expired.env()], "the API address"),
        (
            vec!["--api", "https://api.example.org"],
            vec![expired.env()],
            "its token is not sent to https://api.example.org",
        ),
        (vec!["--api", &closed], vec![expired.env()], "no connection to the API"),
        (vec!["--cf"], vec![("CF_HOME", "/no/such/folder")], "log in with `cf login`"),
        (vec!["--cf"], vec![], "neither CF_HOME nor HOME is set"),
        (vec!["--cc-export", "no/such/page.json"], vec![], "no/such/page.json"),
    ] {
        let args = [&["--format", "ndjson"], &args[..], &["--", &article]].concat();
        let run = run_with("correlate", &args, &env, b"");
        let flows = run.objects();
        assert_schema("correlate", &flows);
        assert_eq!((run.status, flows.len()), (1, 2), "{args:?}: {}", run.stderr);
        assert_eq!(flows[1]["process_guid"].as_str().unwrap()[..36], *PROXY);
        // A directory that cannot be made is never asked.
        let is_asked = !run.stderr.contains("there are no names");
        let state = if is_asked { "unavailable" } else { "not_asked" };
        let app = flows[1]["app"].as_object().unwrap();
        assert_eq!((&app["guid"], &app["name"]), (&Value::Null, &Value::Null));
        assert_eq!(app["state"], state, "{args:?}: {}", run.stderr);
        let why = app.get("state_reason").and_then(Value::as_str);
        assert_eq!(why.is_some_and(|why| why.contains(sentence)), is_asked, "{app:?}");
        assert!(run.stderr.contains(sentence), "{args:?}: {}", run.stderr);
        let told = run.stderr.lines().filter(|line| !line.contains(": waiting for the "));
        assert_eq!(told.count(), 1, "one sentence: {}", run.stderr);
        assert!(!run.stderr.contains("bearer"), "{}", run.stderr);
    }
}

#[test]
fn what_a_token_may_not_see_is_hidden_and_not_deleted() {
    let story = Foundation { tokens: Vec::new(), ..foundation() };
    let limited = story.token_for_spaces(&jwt("cloud_controller.read"), &[]);
    let server = Server::start(limited).unwrap();
    let cf = CfHome::new(&server.url(), &format!("bearer {}", jwt("cloud_controller.read")));
    let run = run_with(
        "correlate",
        &["--format", "ndjson", "--cf", &here("data/article.log")],
        &[cf.env()],
        b"",
    );
    assert_eq!(run.objects()[0]["app"]["state"], "hidden", "{}", run.stderr);
}

#[test]
fn without_rep_lines_each_packet_says_why_it_is_unknown() {
    let packets: String = std::fs::read_to_string(here("data/article.log"))
        .unwrap()
        .lines()
        .filter(|line| line.contains(" DST="))
        .map(|line| format!("{line}\n"))
        .collect();
    let run = run_with("correlate", &["--format", "ndjson", "-"], &[], packets.as_bytes());
    let flows = run.objects();
    assert_eq!((run.status, flows.len()), (0, 2));
    for flow in flows {
        assert_eq!(flow["attribution"]["certainty"], "unknown");
        assert_eq!(flow["attribution"]["reason"], "no_evidence");
        assert_eq!(flow["time"], Value::Null, "no line shows a year");
    }
    let dated = run_with(
        "correlate",
        &["--year", "2017", "--format", "ndjson", "-"],
        &[],
        packets.as_bytes(),
    );
    assert_eq!(dated.objects()[0]["time"], "2017-06-16T23:18:38Z");
}

#[test]
fn the_order_of_the_logs_changes_the_order_of_the_flows_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = std::fs::read_to_string(here("data/foundation.log")).unwrap();
    let (packets, evidence): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| line.contains(" DST="));
    std::fs::write(path("kern.log"), packets.join("\n")).unwrap();
    std::fs::write(path("rep.log"), evidence.join("\n")).unwrap();
    std::fs::copy(here("data/article.log"), path("article.log")).unwrap();
    let flows = |names: &[&str]| {
        let logs: Vec<_> = names.iter().map(|name| path(name)).collect();
        let args: Vec<_> =
            ["--format", "ndjson"].into_iter().chain(logs.iter().map(String::as_str)).collect();
        let mut lines: Vec<_> = run("correlate", &args).stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let expected = flows(&["kern.log", "rep.log", "article.log"]);
    assert_eq!(expected.len(), 11);
    assert_eq!(flows(&["rep.log", "article.log", "kern.log"]), expected);
    assert_eq!(flows(&["article.log", "kern.log", "rep.log"]), expected);
}

#[test]
fn saved_pages_give_names_without_a_network_however_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, target: &str| {
        let page = foundation().answer(&http_get(target));
        let path = folder.path().join(name);
        std::fs::write(&path, page.body()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let apps = save("apps.json", "/v3/apps?include=space.organization");
    let processes = save("processes.json", "/v3/processes");
    let log = here("data/article.log");
    for args in [
        vec!["--cc-export", &apps, &processes, "--", &log],
        vec!["--cc-export", &apps, "--cc-export", &processes, &log],
        vec![&log, "--cc-export", &apps, &processes],
        vec!["--cc-export", &apps, &processes, &log],
    ] {
        let run = run("correlate", &[&["--format", "ndjson"], &args[..]].concat());
        let names: Vec<_> = run.objects().iter().map(|flow| flow["app"]["name"].clone()).collect();
        assert_eq!((run.status, names), (0, vec![json!("proxy"); 2]), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_correlated() {
    let article = here("data/article.log");
    let some = run("correlate", &["--format", "ndjson", "no/such/file", &article]);
    assert_eq!((some.status, some.objects().len()), (1, 2));
    insta::assert_snapshot!(some.stderr, @"asglog: no/such/file: No such file or directory (os error 2)");
    let none = run("correlate", &["no/such/file"]);
    assert_eq!((none.status, none.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(none.stderr, @r"
    asglog: no/such/file: No such file or directory (os error 2)
    asglog: no log could be read
    ");
}

#[test]
fn a_summary_says_what_cannot_be_read_and_counts_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.gz");
    std::fs::write(&broken, b"\x1f\x8b, but no gzip").unwrap();
    let broken = broken.to_str().unwrap();
    let article = here("data/article.log");
    let some = run("correlate", &["--format", "summary", "no/such/file", broken, &article]);
    assert_eq!(some.status, 1);
    assert_eq!(some.stdout, run("correlate", &["--format", "summary", &article]).stdout);
    assert_eq!(some.stderr.lines().count(), 2, "{}", some.stderr);
    let none = run("correlate", &["--format", "summary", broken]);
    assert_eq!((none.status, none.stdout.as_str()), (2, ""));
    assert!(none.stderr.ends_with("asglog: no log could be read\n"), "{}", none.stderr);
}

#[test]
fn options_that_contradict_each_other_say_so() {
    for (args, message) in [
        (
            &["--format", "xml"][..],
            "--format is one of table, ndjson, csv, parquet, summary, summary-json, ecs, ocsf, otlp, cef, cim, and not `xml`",
        ),
        (&["--threads", "0"], "--threads is a number from 1 on, and not `0`"),
        (
            &["--cf", "--cc-export", "x.json"],
            "names come from a live API or from --cc-export, not from both",
        ),
        (&["--token-file", "x"], "--token-file goes with --api or --cf"),
    ] {
        let run = run("correlate", args);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""));
        assert_eq!(run.stderr, format!("asglog: {message} (see --help)\n"));
    }
}

#[test]
fn logs_without_packets_say_so_to_a_person() {
    let kernels = b"Jun 16 23:18:38 cell-1 kernel: [87921.493829] eth0: link up\n";
    for (log, why) in [
        (&b"nothing of interest\n"[..], ", nor other lines of a kernel"),
        (kernels, ": is packet logging switched on"),
    ] {
        let run = run_with("correlate", &["-"], &[], log);
        assert_eq!((run.status, run.stdout.as_str()), (0, ""));
        let told = format!("there are no packets in these logs{why}");
        assert!(run.stderr.contains(&told), "{}", run.stderr);
    }
}

fn foundation() -> Foundation {
    let story = asg_cli::program::demo::foundation();
    Foundation { tokens: Vec::new(), ..story }.token("sesame")
}

fn http_get(target: &str) -> http::Request<Vec<u8>> {
    http::Request::builder()
        .uri(target)
        .header("host", "api.example.org")
        .header("authorization", "bearer sesame")
        .body(Vec::new())
        .unwrap()
}

#[test]
fn a_packet_that_two_logs_tell_is_one_and_the_summary_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let packet = "[637.581122] DENY_bfce786c-ab07-40ad-79f9 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 \
        TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0";
    let again = packet.replace("637.58", "638.60").replace("15946", "15947");
    let stamp = "2024-05-06T07:09:10.581301+00:00";
    let note = "[640.000001] net_ratelimit: 12 callbacks suppressed";
    let kern: String = [
        (stamp, packet),
        ("2024-05-06T07:09:11.6+00:00", &again),
        ("2024-05-06T07:09:13.0+00:00", note),
    ]
    .map(|(stamp, text)| format!("{stamp} cell-1 kernel: {text} \n"))
    .concat();
    let forwarded = format!("<4>{stamp} 10.0.16.15 kernel: {packet}\n");
    let paths = [("kern.log", kern), ("syslog.log", forwarded)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let run_as = |format: &str, paths: [&str; 2]| {
        run("correlate", &["--format", format, paths[0], paths[1]])
    };
    let flows = run_as("ndjson", [&paths[0], &paths[1]]).objects();
    assert_schema("correlate", &flows);
    assert_eq!(flows.len(), 2);
    assert_eq!(flows[0]["also"], json!([{"source": paths[1], "line": 1}]));
    assert_eq!(flows[1]["also"], json!([]));
    assert!(flows[0]["time_error"].as_f64().unwrap() < 1.2);
    assert_eq!(run_as("ndjson", [&paths[1], &paths[0]]).objects(), flows);
    let summary = run_as("summary", [&paths[0], &paths[1]]).stdout;
    for line in [
        "4 lines: 3 packets, 0 about containers, 0 damaged",
        "1 of the packets were told before, by another line",
        "          12  lines that notes say were dropped, of cell-1",
        "           2             1  DENY_bfce786c-ab07-40ad-79f9 on cell-1",
    ] {
        assert!(summary.contains(line), "{line}: {summary}");
    }
}

#[test]
fn each_packet_of_a_line_is_a_flow_and_forged_ones_are_told() {
    let packet = |n: u32| {
        format!(
            "2024-05-06T07:09:1{n}Z cell-1 kernel: [88008.92028{n}] OK_d538d169-f2f6-4587-77b1-f IN=s-010255015007 \
             OUT=eth0 SRC=10.255.15.7 DST=203.0.113.10 LEN=28 TOS=0x00 PREC=0x00 TTL=63 ID={n} PROTO=2 "
        )
    };
    let events: Vec<_> = (0..3).map(|n| json!({ "message": packet(n) })).collect();
    let forged = packet(4).replace("kernel:", "sshd[7]:");
    let text = format!("{}\n{forged}\n", json!({ "logEvents": events }));
    let run = run_with("correlate", &["--format", "ndjson", "-"], &[], text.as_bytes());
    let flows = run.objects();
    assert_eq!((run.status, flows.len()), (0, 3), "{}", run.stderr);
    let told = "not all lines count in full: 1 with a packet's or a container's text that an app, a user or a shipper \
                printed (counted for nothing; the first is -:2); `asglog parse` shows them\n";
    assert!(run.stderr.ends_with(told), "{}", run.stderr);
    let times: Vec<_> =
        flows.iter().map(|flow| flow["time"].as_str().unwrap()[17..19].to_owned()).collect();
    assert_eq!(times, ["10", "11", "12"]);
}

#[test]
fn every_command_says_in_one_sentence_what_does_not_count_in_full_and_where_it_begins() {
    let fields = "IN=s-010255015007 OUT=eth0 SRC=10.255.15.7 DST=203.0.113.10 LEN=28 TOS=0x00 \
                  PREC=0x00 TTL=63 ID=7 PROTO=2 ";
    let packet = format!("OK_d538d169-f2f6-4587-77b1-f {fields}");
    let kernel = "2024-05-06T07:09:11Z cell-1 kernel: [88008.920287] ";
    let lines = [
        format!("{kernel}{packet}"),
        format!("one two three four five six {packet}"),
        format!("2024-05-06T07:09:11Z cell-1 sshd[7]: {packet}"),
        format!("{}{}{}", "[{\"a\":".repeat(12), json!(packet), "}]".repeat(12)),
        format!("{kernel}link up"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("kern.log");
    let path = place.to_str().unwrap();
    std::fs::write(&place, lines.join("\n")).unwrap();
    let ledger = folder.path().join("a.ledger");
    let commands: [(&str, &[&str]); 6] = [
        ("parse", &[]),
        ("parse", &["--format", "csv"]),
        ("correlate", &["--format", "ndjson"]),
        ("correlate", &["--format", "summary"]),
        ("top", &[]),
        ("ledger", &["build", "--output", ledger.to_str().unwrap()]),
    ];
    let told = |args: &[&str], name| {
        let run = run(name, &[args, &[path]].concat());
        assert_ne!(run.status, 2, "{}", run.stderr);
        let sentences = run.stderr.lines().filter(|line| line.contains("count in full"));
        (run.status, sentences.map(ToOwned::to_owned).collect::<Vec<_>>())
    };
    for (command, args) in commands {
        let (status, sentences) = told(args, command);
        assert_eq!((status, sentences.len()), (0, 1), "{command}: {sentences:?}");
        for part in [
            format!(
                "1 with a packet behind a header that is not understood (machine and time may be missing; the first is {path}:2)"
            ),
            format!("printed (counted for nothing; the first is {path}:3)"),
            format!("not understood (counted for nothing; the first is {path}:4)"),
        ] {
            assert!(sentences[0].contains(&part), "{command}: {}", sentences[0]);
        }
    }
    // The skipped bytes are missing from the output.
    std::fs::write(&place, format!("{kernel}{packet}{}\n", "x".repeat(70_000))).unwrap();
    for (command, args) in commands {
        let (status, sentences) = told(args, command);
        assert_eq!((status, sentences.len()), (1, 1), "{command}: {sentences:?}");
        assert!(sentences[0].contains("(the end was skipped; the first is"), "{}", sentences[0]);
    }
    std::fs::write(&place, format!("{}\n", lines[0])).unwrap();
    for (command, args) in commands {
        assert_eq!(told(args, command), (0, Vec::new()), "{command}");
    }
}

#[test]
fn the_app_that_lines_name_is_in_every_format_without_a_directory() {
    const APP: &str = "bc6f229d-5e4a-4c41-a63f-e8795496c283";

    // iptables-logger's line names the app; the prefix of the other shows its GUID's beginning.
    for name in ["g2-logger-only", "d2-c2c-app-not-named"] {
        let log = fixture(&format!("truth/{name}/a.log"));
        let log = log.to_str().unwrap();
        let said = run("correlate", &["--format", "ndjson", log]).objects();
        let app = said[0]["app"]["guid"].as_str().unwrap().to_owned();
        let csv = run("correlate", &["--format", "csv", "--columns", "app_guid,app_state", log]);
        assert_eq!(csv.stdout.lines().nth(1), Some(&*format!("{app},")), "{name}");
        let condition = format!("app={app}");
        let some = run("correlate", &["--format", "ndjson", "--where", &condition, log]).objects();
        assert_eq!(some[0]["app"]["guid"], *app, "{name}");
        for format in ["ecs", "ocsf", "otlp", "cef", "cim"] {
            let stdout = run("correlate", &["--format", format, log]).stdout;
            assert!(stdout.contains(&app), "{name} {format}: {stdout}");
        }
        let top = run("top", &["--by", "app", "--format", "csv", log]);
        assert!(top.stdout.contains(&app), "{name}: {}{}", top.stdout, top.stderr);
        if name == "g2-logger-only" {
            assert_eq!(app, APP);
            assert!(run("correlate", &["--format", "summary", log]).stdout.contains(APP));
        }
    }
}

#[test]
fn a_table_of_any_column_has_the_values_of_csv() {
    // Each packet comes twice, so that the second flow has the key of the first.
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("foundation.log");
    let text = std::fs::read_to_string(here("data/foundation.log")).unwrap();
    std::fs::write(&log, format!("{text}{}", text.replace(" ID=", " ID=1"))).unwrap();
    let log = log.to_str().unwrap().to_owned();
    let all = run("correlate", &["--format", "csv", &log]).stdout;
    let names: Vec<_> = all.lines().next().unwrap().split(',').collect();
    let flows = all.lines().count() - 1;
    let mut with_values = 0;
    for name in names.iter().filter(|name| **name != "line") {
        // Two columns, so that each line of CSV has a comma in it, and each of the table a word.
        let shown = ["--columns", &format!("line,{name}"), &*log];
        let csv = run("correlate", &[&["--format", "csv"], &shown[..]].concat());
        let table = run("correlate", &[&["--format", "table"], &shown[..]].concat());
        let expected = csv.stdout.lines().skip(1).map(|row| {
            let (line, value) = row.split_once(',').unwrap();
            let value = match value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(quoted) => quoted.replace("\"\"", "\""),
                None if value.is_empty() => "-".to_owned(),
                // People need no fractions of seconds.
                None if *name == "time" => value[..19].replace('T', " "),
                None => value.to_owned(),
            };
            format!("{line} {}", value.trim())
        });
        let words = |row: &str| {
            let (line, value) = row.trim_start().split_once(' ').unwrap();
            format!("{line} {}", value.trim())
        };
        let found: Vec<_> = table.stdout.lines().skip(1).map(words).collect();
        assert_eq!(found, expected.collect::<Vec<_>>(), "{name}");
        assert_eq!(found.len(), flows, "{name}");
        with_values += usize::from(found.iter().any(|row| !row.ends_with(" -")));
    }
    assert!(with_values > 40, "{with_values} of {} columns have values", names.len());
}
