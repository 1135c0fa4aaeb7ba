//! Logs as other programs keep them: documents among the lines, other encodings and line ends. Each
//! gives what the plain file gives.

mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::{Run, assert_schema, run, run_with};
use serde_json::{Value, json};

#[test]
fn no_output_takes_the_place_of_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (log, other) = (at("kern.log"), format!("{}/./kern.log", folder.path().display()));
    let (link, page) = (at("link.log"), at("apps.json"));
    let (text, names) = (packets(3), r#"{"pagination":{"next":null},"resources":[]}"#);
    #[cfg(unix)]
    std::os::unix::fs::symlink(&log, &link).unwrap();
    #[cfg(not(unix))]
    std::fs::write(&link, &text).unwrap();
    let commands: [&[&str]; 10] = [
        &["correlate", "--format", "ndjson", "-o", &log, &log],
        &["correlate", "--format", "ecs", "-o", &other, &log],
        &["correlate", "--format", "csv", "-o", &link, &log],
        &["correlate", "--format", "parquet", "-o", &log, &log],
        &["correlate", "--format", "summary", "-o", &log, folder.path().to_str().unwrap()],
        &["correlate", "--follow", "--metrics", &log, &log],
        &["bundle", "--app", "10.255.0.2", "-o", &log, &log],
        &["report", "-o", &log, &log],
        &["parse", "--format", "ndjson", "-o", &log, &log],
        &["correlate", "-o", &page, "--format", "csv", "--cc-export", &page, "--", &log],
    ];
    for command in commands {
        std::fs::write(&log, &text).unwrap();
        std::fs::write(&page, names).unwrap();
        let Run { status, stderr, .. } = run(command[0], &command[1..]);
        assert_eq!(status, 2, "{command:?}: {stderr}");
        assert!(stderr.contains("choose another name"), "{command:?}: {stderr}");
        assert_eq!(std::fs::read_to_string(&log).unwrap(), text, "{command:?}");
        assert_eq!(std::fs::read_to_string(&page).unwrap(), names, "{command:?}");
    }
}

/// The handle, the address and the app of a container.
fn container(n: usize) -> (String, String, String) {
    (
        format!("{n:08x}-70cc-4628-5bd7-f38b"),
        format!("10.255.{}.{}", n / 200, n % 200 + 2),
        format!("{n:08x}-3d3d-470b-8d99-ed2025318bf2"),
    )
}

/// The store of silk on a cell with so many containers.
fn store(containers: usize) -> Value {
    let entry = |n| {
        let (handle, ip, app) = container(n);
        let metadata = json!({"app_id": app, "container_workload": "app", "log_config": "{}"});
        (handle.clone(), json!({"handle": handle, "ip": ip, "metadata": metadata}))
    };
    Value::Object((0..containers).map(entry).collect())
}

/// The lines of a kernel about one packet of each container.
fn packets(containers: usize) -> String {
    packets_of(0..containers)
}

fn packets_of(containers: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    for n in containers {
        let (handle, ip, _) = container(n);
        let interface: String =
            ip.split('.').map(|byte| format!("{:03}", byte.parse::<u8>().unwrap())).collect();
        writeln!(
            text,
            "2025-03-04T10:24:00.{n:06}+00:00 cell kernel: [2400.{n:06}] OK_{} IN=s-{interface} \
             OUT=eth0 SRC={ip} DST=203.0.113.240 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={n} DF PROTO=TCP \
             SPT=40000 DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0 ",
            &handle[..26],
        )
        .unwrap();
    }
    text
}

/// The flows of these files, with several threads and with one, without the lines of the evidence.
fn flows(folder: &Path, files: &[(&str, &[u8])]) -> Vec<Value> {
    let paths: Vec<_> = files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    let mut all = ["1", "4"].map(|threads| {
        let mut args = vec!["--format", "ndjson", "--threads", threads];
        args.extend(paths.iter().map(String::as_str));
        let run = run("correlate", &args);
        assert_eq!(run.status, 0, "{}", run.stderr);
        let mut flows = run.objects();
        for flow in &mut flows {
            for member in ["source", "line"] {
                flow.as_object_mut().unwrap().remove(member);
            }
            flow["attribution"].as_object_mut().unwrap().remove("evidence");
        }
        flows
    });
    assert_eq!(all[0], all[1]);
    std::mem::take(&mut all[0])
}

#[test]
fn a_store_gives_the_same_flows_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (store, kernel) = (store(250), packets(250));
    let expected = flows(
        folder.path(),
        &[
            ("kern.log", kernel.as_bytes()),
            ("store.json", serde_json::to_string(&store).unwrap().as_bytes()),
        ],
    );
    assert_eq!(expected.len(), 250);
    assert!(expected.iter().all(|flow| flow["attribution"]["certainty"] == "unique_prefix"));
    assert_eq!(expected[7]["handle"], container(7).0);

    let pretty = serde_json::to_string_pretty(&store).unwrap();
    let (one, other) = kernel.split_at(kernel.match_indices('\n').nth(99).unwrap().0 + 1);
    let between = format!("{one}{pretty}\n{other}");
    let parts: String =
        store.as_object().unwrap().iter().map(|(k, v)| format!("{}\n", json!({k: v}))).collect();
    let windows = between.replace('\n', "\r\n");
    let named: [&[(&str, &[u8])]; 4] = [
        &[("kern.log", kernel.as_bytes()), ("store.json", pretty.as_bytes())],
        &[("kern.log", between.as_bytes())],
        &[("kern.log", windows.as_bytes())],
        &[("kern.log", kernel.as_bytes()), ("store.json", parts.as_bytes())],
    ];
    for files in named {
        assert_eq!(flows(folder.path(), files), expected);
    }
}

#[test]
fn a_document_larger_than_a_block_is_read() {
    let folder = tempfile::tempdir().unwrap();
    // More than a block for one thread, and for several.
    let store = store(6_000);
    let (before, after) = (packets(3_000), packets_of(3_000..3_040));
    let read = |text: String| {
        assert!(text.len() > 1 << 20);
        let log = format!("{before}{text}\n{after}");
        flows(folder.path(), &[("a.log", log.as_bytes())])
    };
    let pretty = read(serde_json::to_string_pretty(&store).unwrap());
    assert_eq!(pretty, read(store.to_string()));
    assert!(pretty.iter().all(|flow| flow["handle"].is_string()), "{}", pretty[0]);
}

#[test]
fn a_document_is_one_object_and_its_other_lines_are_parts() {
    let text = "log\n{\n  \"a\": 1\n}\n{\n  not\n}\n";
    let run = run_with("parse", &["-"], &[], text.as_bytes());
    let objects = run.objects();
    assert_schema("parse", &objects);
    let said: Vec<_> =
        objects.iter().map(|o| (o["kind"].as_str().unwrap(), o.get("part_of").cloned())).collect();
    let part = Some(json!(2));
    let expected = [
        ("other", None),
        ("other", None),
        ("other", part.clone()),
        ("other", part),
        ("damaged", None),
        ("other", None),
        ("other", None),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_logger_line_is_read_indented() {
    let logger = json!({"timestamp": "1741082400.331232071", "source": "cfnetworking.iptables",
        "message": "cfnetworking.iptables.egress-denied", "log_level": 1, "data": {
        "packet": {"direction": "egress", "allowed": false, "src_ip": "10.255.33.5", "dst_ip": "203.0.113.200",
            "src_port": 51858, "dst_port": 5432, "protocol": "TCP", "mark": "", "icmp_type": 0, "icmp_code": 0},
        "source": {"container_id": "4ba71ab7-ac05-44a5-5cc6-be18", "app_guid": "7b885975-1414-46b5-86d0-02dba02bff2f",
            "space_guid": "86a50420-37da-4585-bba7-8735e760d70a", "host_ip": "10.0.16.21"}}});
    let read = |text: String| run_with("parse", &["-"], &[], text.as_bytes()).objects();
    let (short, long) =
        (read(logger.to_string()), read(serde_json::to_string_pretty(&logger).unwrap()));
    assert_eq!(short[0]["kind"], "logger");
    assert_eq!(long[0], short[0]);
    assert!(long.len() > 20 && long[1..].iter().all(|part| part["part_of"] == 1));
}

#[test]
fn log_caches_envelopes_are_evidence() {
    let envelope = |tags: Value, payload: &str| {
        json!({"timestamp": "1741082400000000000", "source_id": "60ca36fe-3d3d-470b-8d99-ed2025318bf2",
            "instance_id": "0", "deprecated_tags": {}, "tags": tags, "log": {"payload": payload, "type": "OUT"}})
    };
    let app = envelope(
        json!({"app_id": "60ca36fe-3d3d-470b-8d99-ed2025318bf2", "instance_id": "0", "source_type": "APP/PROC/WEB",
            "process_instance_id": "01879c05-70cc-4628-5bd7-f38b", "process_type": "web"}),
        // Cell c successfully created container for instance 9 (an app prints it)
        "Q2VsbCBjIHN1Y2Nlc3NmdWxseSBjcmVhdGVkIGNvbnRhaW5lciBmb3IgaW5zdGFuY2UgOQ==",
    );
    // Cell 3b9d successfully destroyed container for instance 02879c05-70cc-4628-5bd7-f38b
    let cell = envelope(
        json!({"app_id": "60ca36fe-3d3d-470b-8d99-ed2025318bf2", "source_type": "CELL", "instance_id": "1"}),
        "Q2VsbCAzYjlkIHN1Y2Nlc3NmdWxseSBkZXN0cm95ZWQgY29udGFpbmVyIGZvciBpbnN0YW5jZSAwMjg3OWMwNS03MGNjLTQ2MjgtNWJkNy1mMzhi",
    );
    let batch = json!({"batch": [app, cell]});
    for document in [batch.clone(), json!({"envelopes": batch})] {
        for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            let objects = run_with("parse", &["-"], &[], text.as_bytes()).objects();
            assert_schema("parse", &objects);
            assert_eq!(objects[0]["kind"], "rep");
            let rep = &objects[0]["rep"];
            assert_eq!(
                (&rep["handle"], &rep["index"]),
                (&json!("01879c05-70cc-4628-5bd7-f38b"), &json!(0))
            );
            let more = &objects[0]["rep_more"][0];
            assert_eq!(more["handle"], "02879c05-70cc-4628-5bd7-f38b");
            assert_eq!((&more["event"], &more["cell_id"]), (&json!("destroyed"), &json!("3b9d")));
        }
    }
    // As log-cache orders the members, and in another order.
    let ordered = r#"{"timestamp": "1741082400000000000", "source_id": "x", "tags": {"process_instance_id": "01879c05-70cc-4628-5bd7-f38b"}}"#;
    for single in [app.to_string(), ordered.to_owned()] {
        let objects = run_with("parse", &["-"], &[], single.as_bytes()).objects();
        assert_eq!(objects[0]["time"], "2025-03-04T10:00:00Z", "{single}");
    }
}

#[test]
fn other_encodings_and_line_ends_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let plain = format!("{}\n{}", store(20), packets(20));
    let expected = flows(folder.path(), &[("a.log", plain.as_bytes())]);
    assert!(expected.iter().all(|flow| flow["handle"].is_string()));
    let units = || std::iter::once(0xfeff_u16).chain(plain.encode_utf16());
    for bytes in [
        units().flat_map(u16::to_le_bytes).collect(),
        units().flat_map(u16::to_be_bytes).collect(),
        [b"\xef\xbb\xbf", plain.as_bytes()].concat(),
        plain.replace('\n', "\r\n").into_bytes(),
    ] {
        assert_eq!(flows(folder.path(), &[("a.log", &bytes)]), expected);
    }
}

/// The output of each door for these logs, without the places of lines.
fn doors(folder: &Path, files: &[(&str, Vec<u8>)]) -> Vec<(&'static str, Vec<String>)> {
    let paths: Vec<_> = files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    let doors: [(&str, &[&str]); 6] = [
        (
            "csv",
            &[
                "correlate",
                "--format",
                "csv",
                "--columns",
                "time,verdict,handle,dst,dpt,certainty,reason",
            ],
        ),
        ("top", &["top", "--by", "handle,verdict"]),
        ("parse", &["parse"]),
        ("summary", &["correlate", "--format", "summary-json"]),
        ("ecs", &["correlate", "--format", "ecs", "--read-at", "2026-01-01T00:00:00Z"]),
        ("follow", &["correlate", "--format", "ndjson", "--follow", "--hold", "3600", "-"]),
    ];
    let shown = doors.map(|(door, args)| {
        let mut args = args.to_vec();
        let mut stdin = Vec::new();
        if door == "follow" {
            // Packets are held until the evidence has come, as all of it is one stream.
            for (_, bytes) in files {
                stdin.extend_from_slice(bytes);
            }
        } else {
            args.extend(paths.iter().map(String::as_str));
        }
        let run = run_with(args[0], &args[1..], &[], &stdin);
        assert_eq!(run.status, 0, "{door}: {}", run.stderr);
        let mut lines: Vec<String> = match door {
            "summary" => {
                let summary = &run.objects()[0];
                let parts = ["packets", "certainty", "apps", "not_told"].map(|key| &summary[key]);
                parts.map(ToString::to_string).into()
            }
            "ecs" => {
                let without_place = |mut record: Value| {
                    let record = record.as_object_mut().unwrap();
                    record.retain(|key, _| !["log", "event"].contains(&key.as_str()));
                    record["cf"]["asg"].as_object_mut().unwrap().remove("line");
                    Value::Object(std::mem::take(record)).to_string()
                };
                run.objects().into_iter().map(without_place).collect()
            }
            "parse" => {
                let is_packet = |record: &Value| record["kind"] == "packet";
                let keys = |it: Value| {
                    ["time", "host", "uptime", "cf", "packet"].map(|k| it[k].to_string())
                };
                run.objects().into_iter().filter(is_packet).map(|it| keys(it).concat()).collect()
            }
            "follow" => {
                let part = |flow: Value| {
                    let keys = ["time", "verdict", "handle", "dst", "dpt"].map(|key| &flow[key]);
                    format!("{keys:?} {}", flow["attribution"]["certainty"])
                };
                run.objects().into_iter().map(part).collect()
            }
            _ => run.stdout.lines().map(str::to_owned).collect(),
        };
        lines.sort();
        assert!(!lines.is_empty(), "{door}");
        (door, lines)
    });
    shown.into()
}

/// Lines of [`packets`] as `journalctl -o export` and `-o verbose` print them.
fn journald(kernel: &str) -> [String; 2] {
    let mut forms = [String::new(), String::new()];
    for (n, line) in kernel.lines().enumerate() {
        let (_, message) = line.split_once("] ").unwrap();
        let micros = 1_741_083_840_000_000 + n;
        let uptime = 2_400_000_000 + n;
        let fields = [
            "_TRANSPORT=kernel",
            "SYSLOG_IDENTIFIER=kernel",
            &format!("MESSAGE={message}"),
            "_HOSTNAME=cell",
            &format!("_SOURCE_MONOTONIC_TIMESTAMP={uptime}"),
        ];
        let cursor = format!("s=1;i={n:x};t={micros:x};x=1");
        let own = format!("__CURSOR={cursor}\n__REALTIME_TIMESTAMP={micros}");
        write!(forms[0], "{own}\n{}\n\n", fields.join("\n")).unwrap();
        let head = format!("Tue 2025-03-04 11:24:00.{n:06} CET [{cursor}]");
        writeln!(forms[1], "{head}\n    {}", fields.join("\n    ")).unwrap();
    }
    forms
}

#[test]
fn each_door_shows_the_same_however_the_logs_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (kernel, store) = (packets(40), store(40));
    let kept = |kernel: &[u8], store: &[u8]| {
        [("kern.log", kernel.to_vec()), ("store.json", store.to_vec())]
    };
    let line = format!("{store}\n");
    let expected = doors(folder.path(), &kept(kernel.as_bytes(), line.as_bytes()));
    for (door, lines) in &expected {
        assert!(lines.len() >= if *door == "summary" { 4 } else { 10 }, "{door}: {lines:?}");
    }
    let pretty = format!("{}\n", serde_json::to_string_pretty(&store).unwrap());
    // CloudWatch's exports to S3 have a stamp before each line.
    let s3: String =
        kernel.lines().map(|line| format!("2025-03-04T10:24:01.000Z {line}\n")).collect();
    let [export, verbose] = journald(&kernel);
    let windows = |text: &str| text.replace('\n', "\r\n").into_bytes();
    let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for (name, files) in [
        ("indented", kept(kernel.as_bytes(), pretty.as_bytes())),
        ("s3", kept(s3.as_bytes(), line.as_bytes())),
        ("export", kept(export.as_bytes(), line.as_bytes())),
        ("verbose", kept(verbose.as_bytes(), line.as_bytes())),
        ("windows", kept(&windows(&kernel), &windows(&pretty))),
        ("marked", kept(&marked(&kernel), &marked(&line))),
    ] {
        for (found, expected) in doors(folder.path(), &files).iter().zip(&expected) {
            assert_eq!(found, expected, "{name}");
        }
    }
    let utf16 = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(0xfeff_u16).chain(text.encode_utf16()).flat_map(order).collect()
    };
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let files = kept(&utf16(&kernel, order), &utf16(&line, order));
        for (found, expected) in doors(folder.path(), &files).iter().zip(&expected) {
            assert_eq!(found, expected, "UTF-16");
        }
    }
}

#[test]
fn lone_carriage_returns_are_told() {
    let text = packets(3).replace('\n', "\r");
    let Run { status, stderr, .. } = run_with("parse", &["-"], &[], text.as_bytes());
    assert_eq!(status, 0);
    assert_eq!(
        stderr,
        "asglog: -: its lines end in carriage returns alone (3), so it is one line, and all flows have its number; `tr '\\r' '\\n'` mends it\n"
    );
    let both = packets(3).replace('\n', "\r\n");
    assert_eq!(run_with("parse", &["-"], &[], both.as_bytes()).stderr, "");
}
