//! The contracts of `explain`, `coverage` and `snapshot`.

mod common;

use asg_cc_client::embedded::{Clock, Foundation, Realm, SecurityGroup, Server};
use asg_core::Timestamp;
use common::{PROD, apps, assert_schema, here, run, run_with};
use serde_json::{Value, json};

fn groups() -> String {
    here("data/groups.json")
}

fn explain(args: &[&str]) -> common::Run {
    let mut all = vec!["--groups".to_owned(), groups()];
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    run("explain", &all.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_packet_is_answered_for_people_and_for_programs() {
    let people = explain(&["--packet", "tcp 203.0.113.25:5432", "--space", PROD]);
    assert_eq!((people.status, &*people.stderr), (0, ""));
    insta::assert_snapshot!(people.stdout, @r#"
    verdict     denied because no rule allows it
    certainty   certain
    log line    none
    rules of    2024-05-06T08:00:00Z
    remedy      bind the space to databases, which it has in the other phase; admits 256 addresses × 1 port or type
    remedy      change rule 0 of orders-db to {"ports":"5433,5432"}; admits 1 address × 1 port or type
    "#);
    let allowed = explain(&["--packet", "tcp 10.0.16.8:443", "--space", PROD]);
    insta::assert_snapshot!(allowed.stdout, @r"
    verdict     allowed by rule 0 of backends (tcp 10.0.16.0/24 443,8443)
    certainty   certain
    log line    a line with OK_
    rules of    2024-05-06T08:00:00Z
    match       rule 0 of backends (tcp 10.0.16.0/24 443,8443)
    ");
    let packet =
        ["--packet", "tcp 203.0.113.25:5432", "--space", PROD, "--format", "ndjson", "--near", "1"];
    let answer = explain(&packet).objects();
    assert_schema("evaluate", &answer);
    assert_eq!((&answer[0]["verdict"], &answer[0]["by"]), (&json!("deny"), &json!("default")));
    assert_eq!(answer[0]["near"].as_array().unwrap().len(), 1);
    let staging =
        explain(&["--packet", "tcp 203.0.113.25:5432", "--space", PROD, "--phase", "staging"]);
    assert!(staging.stdout.starts_with("verdict     allowed by rule 0 of databases"));
    let unknown = explain(&["--packet", "udp 169.254.0.2:53"]);
    assert!(unknown.stdout.contains("The space is not known"), "{}", unknown.stdout);
}

#[test]
fn packets_are_answered_in_order_line_by_line() {
    let question = |n: u64| json!({ "id": n, "space": PROD, "proto": "tcp", "dst": "10.0.16.9", "dpt": 440 + n });
    let questions: String = (0..8).map(|n| format!("{}\n", question(n))).collect();
    let args = ["--groups", &groups(), "--packets", "-", "--near", "0"];
    let run = run_with("explain", &args, &[], (questions + "{\"id\":8}\n\n").as_bytes());
    let answers = run.objects();
    assert_schema("evaluate", &answers);
    assert_eq!((run.status, answers.len()), (0, 9));
    for (n, answer) in answers.iter().enumerate().take(8) {
        assert_eq!(answer["id"], n);
        assert_eq!(answer["verdict"], if n == 3 { "allow" } else { "deny" }, "{answer}");
    }
    assert!(answers[8]["error"].is_object(), "{}", answers[8]);
}

#[test]
fn each_packet_of_a_log_has_one_object_in_order_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let apps = apps(folder.path());
    let log = here("data/foundation.log");
    let with = |threads: &str| {
        explain(&["--format", "ndjson", "--threads", threads, "--cc-export", &apps, "--", &log])
    };
    let run = with("1");
    let objects = run.objects();
    assert_schema("explain", &objects);
    assert_eq!((run.status, &*run.stderr), (0, ""));
    assert_eq!(with("3").stdout, run.stdout);
    let correlated = common::run("correlate", &["--format", "ndjson", &log]).objects();
    let lines = |objects: &[Value]| objects.iter().map(|it| it["line"].clone()).collect::<Vec<_>>();
    assert_eq!(lines(&objects), lines(&correlated));
    let short = |object: &Value| {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let codes = object["because"].as_array().unwrap().iter().map(|code| word(&code["code"]));
        format!(
            "{} {}: {} {} {} {}; {}",
            word(&object["app"]["name"]),
            word(&object["phase"]),
            word(&object["governed"]),
            word(&object["observed"]),
            word(&object["enforced"]),
            word(&object["decided"]),
            codes.collect::<Vec<_>>().join(" ")
        )
    };
    let gains: Vec<_> = objects.iter().filter_map(|it| it["other_apps"].as_u64()).collect();
    assert_eq!(gains, [3], "the packet that no rule allows, in a space of four apps");
    let short: Vec<_> = objects.iter().map(short).collect();
    insta::assert_snapshot!(short.join("\n"), @r"
    storefront running: asg allowed allowed certain; rule
    storefront running: asg allowed allowed certain; rule
    orders running: asg denied denied certain; default_deny
    mailer running: asg allowed allowed certain; rule
    - -: c2c allowed - -; not_governed
    mailer running: c2c denied - -; not_governed
    pinger running: asg allowed allowed certain; rule
    - -: asg allowed - undetermined; phase_unknown space_unknown
    - -: asg denied - undetermined; default_deny phase_unknown space_unknown
    ");
}

#[test]
fn explanations_are_columns_that_can_be_chosen_from() {
    let log = here("data/foundation.log");
    let csv = explain(&["--format", "csv", "--where", "by=default", "--", &log]);
    let mut rows = csv.stdout.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    let place = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let cells = ["dst", "governed", "basis", "decided", "because"].map(place);
    let rows: Vec<_> = rows.map(|row| cells.map(|cell| row[cell]).join(" ")).collect();
    assert_eq!(
        rows,
        [
            "203.0.113.25 asg exact undetermined default_deny space_unknown",
            "192.0.2.99 asg exact undetermined default_deny phase_unknown space_unknown",
        ]
    );
    let wrong = explain(&["--where", "basis=sure", "--", &log]);
    assert!(wrong.stderr.contains("basis is exact, either"), "{}", wrong.stderr);
    let refused = explain(&["--format", "csv", "--packet", "tcp 10.0.0.1:1"]);
    assert!(refused.stderr.contains("a table or ndjson"), "{}", refused.stderr);
}

#[test]
fn a_table_names_the_rule_and_the_nearest_change() {
    let folder = tempfile::tempdir().unwrap();
    let apps = apps(folder.path());
    let run = explain(&[
        "--where",
        "verdict=denied,allowed",
        "--cc-export",
        &apps,
        "--",
        &here("data/foundation.log"),
    ]);
    let cut = |line: &str| line.chars().skip(21).collect::<String>();
    let table: Vec<_> = run.stdout.lines().map(cut).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    VERDICT      APP                                                                     DESTINATION            WHY                                                       NEAREST CHANGE
    allowed      ?/?/storefront #0                                                    →  169.254.0.2:53 UDP     by rule 0 of dns (udp 169.254.0.2 53)                     -
    allowed      ?/?/storefront #0                                                    →  10.0.16.8:443 TCP      by rule 0 of backends (tcp 10.0.16.0/24 443,8443)         -
    denied       ?/?/orders #1                                                        →  203.0.113.25:5432 TCP  because no rule allows it                                 bind the space to databases, which it has in the other phase; admits 256 addresses × 1 port or type; at least 3 other apps gain it
    allowed      ?/?/mailer #0                                                        →  10.0.31.40:5672 TCP    by rule 1 of backends (tcp 10.0.31.0/24 3306,5672)        -
    allowed c2c  to -                                                                 →  10.255.73.4:8080 TCP   by the policies between containers                        -
    denied c2c   to ?/?/mailer #0                                                     →  10.255.73.5:8080 TCP   by the policies between containers                        -
    allowed      ?/?/pinger #0                                                        →  198.51.100.7 ICMP      by rule 2 of backends (icmp 198.51.100.0/24 8/0)          -
    allowed      task or app 5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d (name unavailable)  →  10.0.31.12:3306 TCP    by no rule that is known [phase_unknown, space_unknown]   -
    denied       -                                                                    →  192.0.2.99:25 TCP      because no rule allows it [phase_unknown, space_unknown]  -
    ");
}

#[test]
fn redacted_destinations_and_foreign_prefixes_have_their_own_answer() {
    let tail = "LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=4 DPT=80 WINDOW=1 RES=0x00 SYN URGP=0 ";
    let head = "2024-05-06T07:09:10+00:00 cell-1 kernel: [637.500000] ";
    let log = format!(
        "{head}DENY_f00dbabe-1234-4bcd-5def IN=s-010255073009 OUT=eth0 SRC=10.255.73.9 DST= {tail}\n\
         {head}[UFW BLOCK] IN=eth0 OUT= SRC=10.255.73.9 DST=10.0.0.1 {tail}\n\
         {head}DENY_ORL_f00dbabe-1234-4bcd- IN=s-010255073009 OUT=eth0 SRC=10.255.73.9 DST=10.0.0.1 {tail}\n"
    );
    let args = ["--groups", &groups(), "--format", "ndjson", "-"];
    let objects = run_with("explain", &args, &[], log.as_bytes()).objects();
    assert_schema("explain", &objects);
    let words: Vec<_> =
        objects.iter().map(|it| (it["governed"].clone(), it["enforced"].is_null())).collect();
    assert_eq!(
        words,
        [(json!("unknown"), true), (json!("unknown"), true), (json!("rate_limit"), true)]
    );
    assert!(objects[0].get("packet").is_none() && objects[1]["packet"]["dst"] == "10.0.0.1");
}

#[test]
fn coverage_is_one_object_per_space_and_phase() {
    let run = common::run("coverage", &["--groups", &groups(), "--format", "ndjson"]);
    let objects = run.objects();
    assert_schema("coverage", &objects);
    assert_eq!((run.status, objects.len()), (0, 4));
    let one = ["--groups", &groups(), "--space", PROD, "--phase", "running"];
    let table = common::run("coverage", &one).stdout;
    let line = format!("{PROD}  running  none    tcp 169.254.0.2 53 (rule 1 of dns)");
    assert!(table.lines().any(|found| found == line), "{table}");
    assert!(table.contains("Denied packets, since `iptables_logging` is off."), "{table}");
}

#[test]
fn coverage_names_the_cells_and_times_at_which_logs_lost_lines() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("kern.log");
    let note = |second: u32, cell: &str| {
        let uptime = f64::from(second) + 1_000.5;
        format!(
            "2024-05-06T07:{:02}:{:02}+00:00 {cell} kernel: [{uptime:.6}] net_ratelimit: 12 callbacks \
             suppressed\n",
            second / 60,
            second % 60,
        )
    };
    std::fs::write(&log, [note(0, "cell-1"), note(30, "cell-1"), note(1_800, "cell-1")].concat())
        .unwrap();
    let log = log.to_str().unwrap();
    let run = common::run("coverage", &["--groups", &groups(), "--format", "ndjson", "--", log]);
    let objects = run.objects();
    assert_schema("coverage", &objects);
    for coverage in &objects {
        let blind = coverage["blind"].as_array().unwrap().iter();
        let lost: Vec<_> = blind
            .filter(|spot| spot["code"] == "lines_lost")
            .map(|spot| (spot["cell"].clone(), spot["from"].clone(), spot["until"].clone()))
            .collect();
        let span = |from: &str, until: &str| ("cell-1".into(), from.into(), until.into());
        assert_eq!(
            lost,
            [
                span("2024-05-06T06:50:00Z", "2024-05-06T07:00:30Z"),
                span("2024-05-06T07:20:00Z", "2024-05-06T07:30:00Z"),
            ]
        );
    }
    let table = common::run("coverage", &["--groups", &groups(), "--", log]).stdout;
    let line = "Packets whose lines were lost on the way. Cell cell-1, 2024-05-06T07:20:00Z to 2024-05-06T07:30:00Z";
    assert!(table.contains(line), "{table}");
}

#[test]
fn settings_change_the_answers_and_wrong_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    std::fs::write(
        &settings,
        r#"{"iptables_logging":true,"deny_networks":{"always":["203.0.113.0/24"]}}"#,
    )
    .unwrap();
    let settings = settings.to_str().unwrap();
    let packet = ["--packet", "tcp 203.0.113.25:5432", "--space", PROD, "--phase", "staging"];
    let with = |more: &[&str]| explain(&[&packet[..], more].concat());
    assert!(with(&["--settings", settings]).stdout.contains("may not reach that network"));
    // guardian looks at its rules first.
    let guardian = with(&["--settings", settings, "--profile", "guardian"]);
    assert!(guardian.stdout.starts_with("verdict     allowed"), "{}", guardian.stdout);
    for (more, what) in [
        (
            &["--profile", "silk"][..],
            "--profile is one of silk_dynamic, silk_static, guardian, and not `silk`",
        ),
        (&["--near", "x"], "--near takes a number, and not `x`"),
        (&["--taken-at", "noon"], "--taken-at takes a time with a zone"),
        (&["--packets", "-"], "give --packet or --packets, and not both"),
        (&["kern.log"], "kern.log is neither security groups nor asked for"),
    ] {
        let refused = with(more);
        assert!(refused.status == 2 && refused.stderr.contains(what), "{}", refused.stderr);
    }
    let without = common::run("explain", &["--packet", "tcp 10.0.0.1:1"]);
    assert!(without.status == 2 && without.stderr.contains("give --groups"), "{}", without.stderr);
}

#[test]
fn a_log_in_the_place_of_groups_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let log = std::fs::read_to_string(here("data/foundation.log")).unwrap();
    let part = |is_packet: bool| -> String {
        let lines = log.lines().filter(|line| line.contains(" IN=") == is_packet);
        lines.map(|line| format!("{line}\n")).collect()
    };
    let is_log = "looks like a log, and not like security groups: logs go behind `--`";
    for (name, text, what) in [
        ("kern.log", part(true).as_bytes(), is_log),
        ("rep.log", part(false).as_bytes(), is_log),
        ("late.log", &[b"\n\n", part(true).as_bytes()].concat(), is_log),
        (
            "kern.log.gz",
            b"\x1f\x8b\x08\0\0\0\0\0",
            "is packed, or no text: security groups are plain JSON",
        ),
        // Damaged groups are not a log.
        ("cut.json", br#"{"resources":[{"guid":"g-1","name":"2024-05-06T07:09:10Z"#, "byte 5"),
        ("apps.json", b"{\"a\":1}\n", "a page of security groups with `resources`"),
        ("empty.json", b"", "byte 0"),
    ] {
        let path = put(name, text);
        for command in ["explain", "coverage"] {
            let refused = run(command, &["--groups", &path, "--", &here("data/foundation.log")]);
            let (status, stderr) = (refused.status, refused.stderr);
            assert!(status == 2 && stderr.contains(what), "{command} {name}: {stderr}");
            assert!(stderr.contains(&path) && refused.stdout.is_empty(), "{stderr}");
        }
    }
}

#[test]
fn pages_without_a_time_are_said_to_be_assumed() {
    let folder = tempfile::tempdir().unwrap();
    let page = |name: &str, total: usize, guid: &str| {
        let previous =
            (guid == "g-2").then(|| json!({ "href": "https://api/v3/security_groups?page=1" }));
        let path = folder.path().join(name);
        let page = json!({
            "pagination": { "total_results": total, "next": null, "previous": previous },
            "resources": [{ "guid": guid, "name": guid, "globally_enabled": { "running": true }, "rules": [
                { "protocol": "tcp", "destination": "10.0.0.1", "ports": "80" }] }]
        });
        std::fs::write(&path, page.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = page("whole.json", 1, "g-1");
    let packet = ["--packet", "tcp 10.0.0.1:80", "--space", "s"];
    let of = |pages: &[&str], more: &[&str]| {
        run("explain", &[&["--groups"], pages, more, &packet].concat())
    };
    let assumed = of(&[&whole], &[]);
    let note =
        format!("asglog: {whole} is assumed to have all security groups, as of the file's time\n");
    assert_eq!((assumed.status, assumed.stderr), (0, note));
    let taken = of(&[&whole], &["--taken-at", "2024-05-06T07:09:10Z"]);
    assert!(taken.stdout.contains("rules of    2024-05-06T07:09:10Z\n"), "{}", taken.stdout);
    // Two pages of one listing, saved one after the other.
    let (first, second) = (page("a.json", 2, "g-1"), page("b.json", 2, "g-2"));
    let both = of(&[&first, &second], &[]);
    assert!(!both.stderr.contains("part of the security groups"), "{}", both.stderr);
    assert!(both.stdout.contains("rule 0 of g-1") && both.stdout.contains("rule 0 of g-2"));
    assert_eq!(of(&[&second, &first], &[]).stdout, both.stdout, "in the order of the listing");
    let one = of(&[&first], &[]);
    assert!(one.stderr.contains("has a part of the security groups only"), "{}", one.stderr);
    assert!(one.stdout.contains("The snapshot has a part of the groups only"), "{}", one.stdout);
}

/// More groups than a page has.
fn many_groups() -> Foundation {
    let group = |n: usize| SecurityGroup {
        guid: format!("b85a788e-671f-4549-814d-{n:012}"),
        name: format!("g-{n}"),
        rules: vec![
            json!({ "protocol": "tcp", "destination": "10.0.0.1", "ports": "80", "log": true }),
        ],
        running_spaces: vec![PROD.into()],
        ..SecurityGroup::default()
    };
    let foundation = Foundation::new().org("5e0f7b1a-9c2d-4e3f-8a4b-6c7d8e9f0a1b", "shop").space(
        PROD,
        "prod",
        "5e0f7b1a-9c2d-4e3f-8a4b-6c7d8e9f0a1b",
    );
    (0..250).fold(foundation, |made, n| made.security_group(group(n)))
}

fn names(snapshot: &Value) -> Vec<&str> {
    let groups = snapshot["resources"].as_array().unwrap();
    groups.iter().map(|group| group["name"].as_str().unwrap()).collect()
}

#[test]
fn a_snapshot_is_complete_if_its_reader_sees_all_and_nothing_went_meanwhile() {
    let realm = Realm::new()
        .robot("auditor", "secret", &["cloud_controller.global_auditor"])
        .robot("reader", "secret", &["cloud_controller.read"]);
    let server = Server::start_with_uaa(many_groups(), realm, Clock::system()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("groups.json").to_str().unwrap().to_owned();
    let save = |client: &str| {
        let args = ["--api", &server.url(), "--client", client, "-o", &file];
        let run = run_with("snapshot", &args, &[("ASGLOG_CLIENT_SECRET", "secret")], b"");
        let saved = std::fs::read(&file).unwrap();
        (run, serde_json::from_slice::<Value>(&saved).unwrap())
    };
    let now = || asg_cc_client::clock::Clock::default().now();
    let before = now();
    let (run, whole) = save("auditor");
    assert_eq!((run.status, run.stderr.as_str()), (0, "asglog: 250 security groups\n"));
    assert_eq!(whole["complete"], true);
    let taken_at = Timestamp::parse(whole["taken_at"].as_str().unwrap().as_bytes()).unwrap();
    assert!((before..=now()).contains(&taken_at), "{taken_at}");
    let expected: Vec<_> = (0..250).map(|n| format!("g-{n}")).collect();
    assert_eq!(names(&whole), expected, "in the order of the listing");
    let pages = server.requests().into_iter().filter(|r| r.target.contains("/security_groups"));
    assert_eq!(pages.count(), 2);
    // Between two complete snapshots without a change the rules are known exactly.
    let log = folder.path().join("cell.log");
    let line = format!(
        "{taken_at} cell kernel: [1.500000] OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 \
         SRC=10.255.73.3 DST=10.0.0.1 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=4 DPT=80 \
         WINDOW=1 RES=0x00 SYN URGP=0 \n"
    );
    std::fs::write(&log, line).unwrap();
    let at = |hours: i64| {
        let nanos = taken_at.as_nanos() + hours * 3_600_000_000_000;
        let mut one = whole.clone();
        one["taken_at"] = Timestamp::from_nanos(nanos).to_string().into();
        let path = folder.path().join(format!("{hours}.json"));
        std::fs::write(&path, one.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (earlier, later, log) = (at(-1), at(1), log.to_str().unwrap().to_owned());
    let args = ["--groups", &earlier, &later, "--format", "ndjson", "--", &log];
    let explained = common::run("explain", &args);
    assert_eq!(explained.objects()[0]["rules"]["basis"], "exact", "{}", explained.stderr);

    // A group goes between the two pages, so that another one is on neither.
    server.after(1, "/v3/security_groups", |foundation| {
        foundation.security_groups.remove(3);
    });
    let (run, shifted) = save("auditor");
    assert_eq!((run.status, &shifted["complete"]), (1, &json!(false)), "{}", run.stderr);
    // This one may not see all.
    let (run, part) = save("reader");
    assert_eq!((run.status, &part["complete"]), (1, &json!(false)), "{}", run.stderr);
}

/// garden's lines show no domain; a task's handle is the task's GUID, and a staging's is the
/// build's.
#[test]
fn the_directory_knows_the_phase_that_no_line_shows() {
    const APP: &str = "bc6f229d-5e4a-4c41-a63f-e8795496c283";
    let [task, build, stranger] = [1, 2, 3].map(|n| format!("4ccbb24c-268e-421a-9d1b-{n:012x}"));
    let foundation = Foundation::new()
        .org("5e0f7b1a-9c2d-4e3f-8a4b-6c7d8e9f0a1b", "shop")
        .space(PROD, "prod", "5e0f7b1a-9c2d-4e3f-8a4b-6c7d8e9f0a1b")
        .app(APP, "storefront", PROD)
        .task(&task, APP)
        .build(&build, APP)
        .token("admin");
    let server = Server::start(foundation).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(&path, text).unwrap();
        path
    };
    let token = write("token", "admin");
    let saved = write("groups.json", r#"{"taken_at":"2024-05-06T00:00:00Z","resources":[]}"#);
    for (guid, phase) in
        [(&task, json!("running")), (&build, json!("staging")), (&stranger, Value::Null)]
    {
        let garden = json!({"timestamp": "2024-05-06T07:00:00Z", "level": "info",
            "source": "guardian", "message": "guardian.create.start", "data": {"handle": guid}});
        let lines = format!(
            "{garden}\n2024-05-06T07:00:01Z cell kernel: [1.500000] DENY_{} IN=s-010255073003 OUT=eth0 \
             SRC=10.255.73.3 DST=10.0.0.1 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=4 \
             DPT=80 WINDOW=1 RES=0x00 SYN URGP=0 \n",
            &guid[..23]
        );
        let (log, url) = (write("cell.log", &lines), server.url());
        let args = ["--groups", &saved, "--format", "ndjson", "--api", &url];
        let run = run("explain", &[&args[..], &["--token-file", &token, "--", &log]].concat());
        let answer = &run.objects()[0];
        assert_eq!(answer["phase"], phase, "{answer}");
        let is_open = answer["because"].to_string().contains("phase_unknown");
        assert_eq!(is_open, phase.is_null(), "{answer}");
    }
}

#[test]
fn a_snapshot_of_a_cloud_controller_is_read_again() {
    const ADMIN: &str = "admin";
    let server = Server::start(many_groups().token(ADMIN)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (token, file) = (path("token"), path("groups.json"));
    std::fs::write(&token, ADMIN).unwrap();
    let saved = run("snapshot", &["--api", &server.url(), "--token-file", &token, "-o", &file]);
    assert_eq!(saved.status, 1, "nothing shows how far this token reaches: {}", saved.stderr);
    let snapshot: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(snapshot["complete"], false);
    assert_eq!(names(&snapshot).len(), 250);
    let asked =
        run("explain", &["--groups", &file, "--packet", "tcp 10.0.0.1:80", "--space", PROD]);
    assert!(asked.stdout.starts_with("verdict     allowed by"), "{}", asked.stdout);
    let refused = run("snapshot", &["--output", &file]);
    assert!(refused.status == 2 && refused.stderr.contains("--cf or --api"), "{}", refused.stderr);
}
