//! Equal bytes give equal output in each run, whatever the names of the files, the order of the
//! arguments and the number of threads.

mod common;

use std::fs;

use common::{assert_schema, run};
use serde_json::Value;
use tempfile::TempDir;

/// Returns a packet of a machine; without a machine's name the line has no header.
fn packet(host: Option<&str>, uptime: u32, handle: &str) -> String {
    let header = host.map(|host| format!("2024-05-06T07:09:10.000000+00:00 {host} kernel: "));
    format!(
        "{}[{uptime:>5}.000000] OK_{handle} IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 \
         DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=51858 DPT=80 \
         WINDOW=27400 RES=0x00 SYN URGP=0 \n",
        header.unwrap_or_default(),
    )
}

/// Each run has hash seeds of its own.
const RUNS: usize = 60;
const HANDLE: &str = "bfce786c-ab07-40ad-79f9-8";

/// Packets that two machines report alike, and then lines that may be of either.
fn of_either() -> String {
    let uptimes = || (1..=20).rev();
    let mut log = String::new();
    for uptime in uptimes() {
        log += &packet(Some("hosta"), uptime, HANDLE);
        log += &packet(Some("hostb"), uptime, HANDLE);
    }
    uptimes().for_each(|uptime| log += &packet(None, uptime, HANDLE));
    log
}

/// Containers whose handles begin alike, and a packet of each group.
fn alike() -> String {
    let mut log = String::new();
    for group in 0..15 {
        for n in 0..3 {
            let line = format!(
                r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"rep","message":"rep.x","data":{{"container-guid":"bfce786c-ab07-40a{group:x}-79f9-8f2{n}"}}}}"#
            );
            log += &line;
            log.push('\n');
        }
        log += &packet(Some("hosta"), 100 + group, &format!("bfce786c-ab07-40a{group:x}-79f9-8"));
    }
    log
}

/// Returns the objects of a run over these files, which are made in a folder of their own.
fn flows(files: &[(&str, &str)], is_reversed: bool, threads: &str) -> String {
    let folder = TempDir::new().unwrap();
    let mut paths: Vec<_> = files
        .iter()
        .map(|(name, text)| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    if is_reversed {
        paths.reverse();
    }
    let mut args = vec!["--format", "ndjson", "--flow-id", "--threads", threads];
    args.extend(paths.iter().map(String::as_str));
    let run = run("correlate", &args);
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.stdout.replace(folder.path().to_str().unwrap(), "")
}

#[test]
fn each_run_gives_the_same_bytes() {
    let (either, alike) = (of_either(), alike());
    let halves = alike.split_at(alike[..alike.len() / 2].rfind('\n').unwrap() + 1);
    for files in [vec![("a.log", &*either)], vec![("a.log", halves.0), ("b.log", halves.1)]] {
        // Objects come in the order of the arguments.
        let [forward, backward] = [false, true].map(|it| flows(&files, it, "1"));
        assert!(forward.lines().count() >= 15);
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&forward), sorted(&backward));
        for n in 0..RUNS {
            let first = if n % 2 == 1 { &backward } else { &forward };
            let again = flows(&files, n % 2 == 1, ["1", "2", "5"][n % 3]);
            assert_eq!(again, *first, "run {n}");
        }
    }
}

#[test]
fn the_names_of_files_do_not_decide_how_many_packets_there_are_and_whose() {
    let of = |host| (1..=30).map(|uptime| packet(host, uptime, HANDLE)).collect::<String>();
    let logs = [of(Some("hosta")), of(Some("hostb")), of(None)];
    let mut all = Vec::new();
    let orders = [
        ["a", "b", "c"],
        ["a", "c", "b"],
        ["b", "a", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["c", "b", "a"],
    ];
    for (n, names) in orders.iter().cycle().take(RUNS).enumerate() {
        let files: Vec<_> = names.iter().copied().zip(logs.iter().map(String::as_str)).collect();
        let mut rows: Vec<_> = flows(&files, n % 2 == 1, ["1", "2", "5"][n % 3])
            .lines()
            .map(|line| {
                let mut flow: Value = serde_json::from_str(line).unwrap();
                // Which names and lines the evidence and the tellings have differs with the names.
                let tellings = flow["also"].as_array().unwrap().len();
                for place in ["source", "line", "also"] {
                    flow[place] = Value::Null;
                }
                format!("{flow} {tellings}")
            })
            .collect();
        rows.sort();
        assert_eq!(rows.len(), 60, "{names:?}");
        all.push(rows);
    }
    assert!(all.iter().all(|rows| *rows == all[0]));
}

#[test]
fn the_names_of_files_do_not_decide_which_way_gives_a_packets_time() {
    // The ways are late by turns, by some milliseconds, and one shows whole seconds now and then.
    let way = |own: u32| -> String {
        let line = |uptime: u32| {
            let stamp = match (uptime % 3, (uptime + own) % 2) {
                (2, 1) => "07:09:10Z".to_owned(),
                (_, late) => format!("07:09:10.{:06}Z", uptime * 1_000 + 7 + late * 2_500),
            };
            packet(Some("hosta"), uptime, HANDLE).replace("07:09:10.000000+00:00", &stamp)
        };
        (1..=30).map(line).collect()
    };
    let ways = [way(0), way(1)];
    for (n, names) in [["a", "b"], ["b", "a"]].iter().cycle().take(RUNS).enumerate() {
        let files: Vec<_> = names.iter().copied().zip(ways.iter().map(String::as_str)).collect();
        let found = flows(&files, n % 4 > 1, ["1", "2", "5"][n % 3]);
        let mut times: Vec<String> = Vec::new();
        for line in found.lines() {
            let flow: Value = serde_json::from_str(line).unwrap();
            let (time, at) = (flow["time"].as_str().unwrap(), flow["line"].as_u64().unwrap());
            let way = usize::from(flow["source"].as_str().unwrap().ends_with(names[1]));
            // The first line of a packet is of the way that was in time.
            assert_eq!(way as u64, at % 2, "{names:?} {line}");
            times.push(time.to_owned());
        }
        times.sort();
        let expected = (1..=30).map(|n| format!("2024-05-06T07:09:10.{n:03}007Z"));
        assert_eq!(times, expected.collect::<Vec<_>>(), "{names:?}");
    }
}

#[test]
fn an_identifier_is_the_packets_and_is_given_if_it_is_asked_for() {
    let one = packet(Some("hosta"), 637, HANDLE);
    let other = one.replace("07:09:10.000000+00:00 hosta", "07:09:12Z 10.0.16.15");
    let id = |text: &str| {
        let flows = flows(&[("a.log", text)], false, "1");
        let flow: Value = serde_json::from_str(&flows).unwrap();
        assert_schema("correlate", std::slice::from_ref(&flow));
        flow["flow_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id(&one), id(&other));
    assert_ne!(id(&one), id(&packet(Some("hosta"), 638, HANDLE)));
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("a.log");
    fs::write(&log, &one).unwrap();
    let log = log.to_str().unwrap();
    let plain = run("correlate", &["--format", "ndjson", log]).stdout;
    assert!(!plain.contains("flow_id"));
    let column = run("correlate", &["--format", "csv", "--columns", "flow_id", log]).stdout;
    assert_eq!(column.lines().nth(1), Some(&*id(&one)));
    let wrong = run("correlate", &["--format", "csv", "--flow-id", log]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("--flow-id goes with --format ndjson"), "{}", wrong.stderr);
}

/// A log of so many packets; if `is_adjacent`, with two lines about each, one behind the other.
fn twice(packets: u32, is_adjacent: bool) -> String {
    let lines = || (1..=packets).map(|uptime| packet(Some("hosta"), uptime, HANDLE));
    if is_adjacent { lines().map(|line| line.clone() + &line).collect() } else { lines().collect() }
}

#[test]
fn two_lines_about_a_packet_are_one_flow_in_every_format_and_what_was_forgotten_is_reported() {
    const PACKETS: u32 = 300;
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let adjacent = vec![write("adjacent.log", &twice(PACKETS, true))];
    let apart =
        vec![write("a.log", &twice(PACKETS, false)), write("b.log", &twice(PACKETS, false))];
    let out = folder.path().join("flows.parquet");
    let out = out.to_str().unwrap();
    let formats: [&[&str]; 7] = [
        &["--format", "ndjson"],
        &["--format", "csv"],
        &["--format", "table"],
        &["--format", "summary"],
        &["--format", "ocsf"],
        &["--format", "parquet", "-o", out],
        &["--format", "ndjson", "--threads", "5"],
    ];
    for (logs, remembered, forgotten) in
        [(&adjacent, "1", PACKETS - 1), (&apart, "300", 0), (&apart, "299", 2 * PACKETS - 299)]
    {
        for format in formats {
            let mut args = vec!["--remember", remembered];
            args.extend(format);
            args.extend(logs.iter().map(String::as_str));
            let run = run("correlate", &args);
            let what = format!("{args:?}: {}", run.stderr);
            assert_eq!(run.status, 0, "{what}");
            let sentence = format!("{forgotten} packets were forgotten for want of room");
            assert_eq!(run.stderr.contains(&sentence), forgotten > 0, "{what}");
            let flows = if forgotten > PACKETS { 2 * PACKETS } else { PACKETS };
            match format[1] {
                "ndjson" | "ocsf" => {
                    assert_eq!(run.stdout.lines().count(), flows as usize, "{what}");
                }
                "csv" => assert_eq!(run.stdout.lines().count(), flows as usize + 1, "{what}"),
                "summary" => {
                    assert!(run.stdout.contains(&format!("{flows}  unknown")), "{}", run.stdout);
                    assert_eq!(run.stdout.contains(&sentence), forgotten > 0, "{}", run.stdout);
                }
                _ => {}
            }
        }
    }
    let refused = run("correlate", &["--remember", "0", &adjacent[0]]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("--remember is a number of packets"), "{}", refused.stderr);
}
