//! Both phases, over logs of a few lines. Whole foundations are correlated in asg-benches' tests.

use std::collections::HashMap;
use std::convert::Infallible;

use super::state::State;
use super::*;
use crate::evidence::{Origin, SourceId};
use crate::guid::Guid;
use crate::line::Line;
use crate::names::directory::{NoDirectory, directory_fn};
use crate::names::identity::{AppState, Entity, Identity};
use crate::record::Record;
use crate::record::outcome::{Outcome, Outcomes};
use crate::time::Timestamp;

type Lines<'a> = [(Origin, &'a [u8])];

/// The lines of one source, numbered from 1.
fn numbered(lines: &[String]) -> Vec<(Origin, &[u8])> {
    let at = |line| Origin { source: SourceId(0), line };
    (1..).zip(lines).map(|(line, text)| (at(line), text.as_bytes())).collect()
}

fn gathered(lines: &Lines<'_>) -> Gathered {
    let mut gathering = Gathering::new();
    for (origin, line) in lines {
        gathering.ingest(*origin, line);
    }
    let again = |joiner: &mut Joiner<'_>| {
        for (origin, line) in lines {
            joiner.look(*origin, line);
        }
        Ok::<(), Infallible>(())
    };
    let Ok(gathered) = gathering.finish(again);
    gathered
}

/// The flows of these lines as the objects of the output contract, with the places of their lines.
fn outputs(correlation: &Correlation, lines: &Lines<'_>) -> Vec<(Origin, serde_json::Value)> {
    let mut reader = correlation.reader();
    let mut found = Vec::new();
    for (origin, line) in lines {
        let line = Line::new(line);
        if let Some(flow) = reader.flow(*origin, &line) {
            assert_eq!(flow.origin, *origin);
            let output = flow.to_output(|source| source.0);
            found.push((*origin, serde_json::to_value(output).unwrap()));
        }
    }
    found
}

/// Returns the outputs of the slow, plain functions: each line is parsed by itself, and each
/// question is asked anew.
fn slow_outputs(lines: &Lines<'_>) -> (State, Vec<(Origin, serde_json::Value)>) {
    let mut state = State::default();
    for (origin, line) in lines {
        state.take(*origin, &Record::classify(&Line::new(line)), Timestamp::from_nanos(0));
    }
    let State { reports, clocks, policy, .. } = &mut state;
    let times = clocks.complete(policy);
    let candidates = lines.iter().filter_map(|(origin, line)| {
        State::candidate(reports, &times, *origin, &Record::classify(&Line::new(line)))
    });
    let candidates = candidates.collect();
    drop(times);
    state.reports.join(candidates);
    state.counts.packets += state.reports.loggers_alone();
    state.spell_out();
    let mut found = Vec::new();
    let times = state.times();
    for (origin, line) in lines {
        if let Some(flow) = state.flow(&times, *origin, Record::classify(&Line::new(line))) {
            let output = flow.to_output(|source| source.0);
            found.push((*origin, serde_json::to_value(output).unwrap()));
        }
    }
    drop(times);
    (state, found)
}

#[test]
fn a_missing_year_is_that_of_the_lager_lines_in_the_same_source() {
    let lager = |seconds: i64| {
        format!(
            r#"{{"timestamp":"{seconds}.5","source":"rep","message":"rep.x","data":{{"guid":"x"}}}}"#
        )
    };
    let packet = "Jun 16 23:18:38 localhost kernel: [12.5] x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 \
        TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ";
    let mut gathering = Gathering::new();
    for (source, seconds) in [(0, 1_497_654_859), (1, 1_715_000_000)] {
        let origin = Origin { source: SourceId(source), line: 1 };
        gathering.ingest(origin, lager(seconds).as_bytes());
    }
    let lines =
        [0, 1, 2].map(|source| (Origin { source: SourceId(source), line: 2 }, packet.as_bytes()));
    let Ok(gathered) = gathering.finish(|_| Ok::<(), Infallible>(()));
    let flows = outputs(&gathered.correlate(), &lines);
    let years: Vec<_> =
        flows.iter().map(|(_, flow)| flow["time"].as_str().unwrap()[..4].to_owned()).collect();
    assert_eq!(years, ["2017", "2024", "2024"], "the last source shows no year of its own");
}

/// Source and line.
type Place = (u32, u64);

/// Returns the flows of these lines, each with its place and the other places of its packet, with
/// names left out.
fn told(lines: &[(u32, u64, &str)]) -> Vec<(Place, Vec<Place>)> {
    let place = |origin: Origin| (origin.source.0, origin.line);
    let lines: Vec<_> = lines
        .iter()
        .map(|(source, line, text)| {
            (Origin { source: SourceId(*source), line: *line }, text.as_bytes())
        })
        .collect();
    let flows = outputs(&gathered(&lines).correlate(), &lines);
    let also = |flow: &serde_json::Value| {
        let places = flow["also"].as_array().unwrap().iter();
        let place = |at: &serde_json::Value| {
            (at["source"].as_u64().unwrap() as u32, at["line"].as_u64().unwrap())
        };
        places.map(place).collect()
    };
    flows.iter().map(|(origin, flow)| (place(*origin), also(flow))).collect()
}

const PACKET: &str = "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 \
    TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x1 ";

fn local(uptime: &str, packet: &str) -> String {
    format!("2024-05-06T07:09:10.581301+00:00 localhost kernel: [{uptime}] {packet}")
}

fn forwarded(id: &str, uptime: &str, packet: &str) -> String {
    format!(
        "<4>1 2024-05-06T07:09:10.581301Z 10.0.16.15 kernel - - [instance@47450 director=\"\" deployment=\"cf\" \
         group=\"diego-cell\" az=\"z1\" id=\"{id}\"] [{uptime}] {}",
        packet.trim_end()
    )
}

const LOGGER: &str = r#"{"timestamp":"2024-05-06T07:09:10.900000000Z","level":"info","source":"cfnetworking.iptables","message":"cfnetworking.iptables.egress-allowed","data":{"packet":{"direction":"egress","allowed":true,"src_ip":"10.255.73.3","dst_ip":"8.8.8.8","src_port":51858,"dst_port":80,"protocol":"TCP","mark":"0x1","icmp_type":0,"icmp_code":0},"source":{"container_id":"bfce786c-ab07-40ad-79f9-8f21","app_guid":"bc6f229d-5e4a-4c41-a63f-e8795496c283","space_guid":"b9f86312-a7d7-4bcf-b70f-a440436c210b","organization_guid":"604bd59e-4139-4734-a3be-4e97836eb790","host_ip":"10.0.16.15","host_guid":"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea"}}}"#;

#[test]
fn a_packet_that_reaches_us_by_several_ways_is_one_flow_whatever_the_order() {
    let (kern, syslog) = (local("637.581122", PACKET), forwarded("0455ec2b", "637.581122", PACKET));
    let kmsg = format!("4,339,637581122,-;{PACKET}");
    let lines =
        [(0, 3, &*kern), (1, 9, LOGGER), (2, 1, &*syslog), (3, 5, &*kmsg), (2, 2, &*syslog)];
    for start in 0..lines.len() {
        let mut turned = lines;
        turned.rotate_left(start);
        assert_eq!(told(&turned), [((2, 1), vec![(0, 3), (1, 9), (2, 2), (3, 5)])], "{start}");
    }
}

/// Which source is read first must not decide how many packets there are, and whose they are.
#[test]
fn a_line_without_a_name_joins_one_machines_packet_whatever_the_order_of_files() {
    let named = |host: &str| local("637.581122", PACKET).replace("localhost", host);
    let (one, other, nameless) = (named("cell-1"), named("cell-2"), named("localhost"));
    let all = [&one, &other, &nameless];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let lines: Vec<_> = (0..).zip(order).map(|(n, at)| (n, 1, all[at].as_str())).collect();
        let flows = told(&lines);
        assert_eq!(flows.len(), 2, "{order:?} {flows:?}");
        let is_named = |place: &Place| order[place.0 as usize] != 2;
        assert!(flows.iter().all(|(place, _)| is_named(place)), "{order:?} {flows:?}");
    }
}

#[test]
fn what_is_in_doubt_is_two_packets() {
    let kern = local("637.581122", PACKET);
    let without_uptime = |stamp: &str, packet: &str| format!("{stamp} cell kernel: {packet}");
    let no_id = PACKET.replace("ID=15946", "ID=0");
    let stamp = "2024-05-06T07:09:10.581301+00:00";
    for (what, other) in [
        ("sent again", local("638.600001", PACKET)),
        ("another IP ID", local("637.581122", &PACKET.replace("15946", "15947"))),
        ("another port", local("637.581122", &PACKET.replace("51858", "51859"))),
        ("another rule", local("637.581122", &PACKET.replace("OK_bf", "DENY_bf"))),
        ("a flag more", local("637.581122", &PACKET.replace("SYN", "ACK SYN"))),
        ("no uptime, another second", without_uptime("2024-05-06T07:09:11Z", PACKET)),
        ("no uptime, no zone", without_uptime("May  6 07:09:10", PACKET)),
        ("another day", kern.replace("2024-05-06", "2024-05-09")),
        ("cut", local("637.581122", &PACKET[..150])),
        (
            "told for others too",
            format!(
                "2024-05-06T07:09:10+00:00 localhost kernel: message repeated 2 times: [ [637.581122] {PACKET}]"
            ),
        ),
    ] {
        assert_eq!(told(&[(0, 1, &kern), (1, 1, &other)]).len(), 2, "{what}");
    }
    let cut = local("637.581122", &PACKET[..150]);
    assert_eq!(told(&[(0, 1, &cut), (0, 2, &cut)]).len(), 2, "both cut");
    let on = |id| forwarded(id, "637.581122", PACKET);
    assert_eq!(told(&[(0, 1, &on("a")), (0, 2, &on("b"))]).len(), 2, "two cells");
    let (same, later) =
        (without_uptime(stamp, PACKET), without_uptime("2024-05-06T07:09:10.6Z", PACKET));
    assert_eq!(told(&[(0, 1, &same), (0, 2, &same)]).len(), 1, "the same time");
    assert_eq!(told(&[(0, 1, &same), (0, 2, &later)]).len(), 2, "another time");
    let next_day = same.replace("2024-05-06", "2024-05-07");
    assert_eq!(told(&[(0, 1, &same), (1, 1, &next_day)]).len(), 2, "another day");
    let traditional = |day| without_uptime(&format!("May  {day} 07:09:10"), PACKET);
    assert_eq!(told(&[(0, 1, &traditional(6)), (1, 1, &traditional(7))]).len(), 2, "no year");
    assert_eq!(told(&[(0, 1, &traditional(6)), (1, 1, &traditional(6))]).len(), 1, "no year");
    let bare = without_uptime(stamp, &no_id);
    let kern_bare = local("637.581122", &no_id);
    assert_eq!(told(&[(0, 1, &kern_bare), (1, 1, &bare)]).len(), 2, "no IP ID, one uptime");
    assert_eq!(told(&[(0, 1, &bare), (0, 2, &bare)]).len(), 2, "no IP ID");
    let (one, other) = (format!("4,7,637581122,-;{no_id}"), format!("4,8,637581122,-;{no_id}"));
    assert_eq!(
        told(&[(0, 1, &one), (0, 2, &other)]).len(),
        2,
        "two records of the kernel's buffer"
    );
    assert_eq!(told(&[(0, 1, &one), (1, 1, &one)]).len(), 1, "one record");
}

/// imklog keeps the kernel's stamp, and journald does not.
#[test]
fn a_line_with_an_uptime_and_one_without_are_one_packet_if_machine_text_id_and_second_agree() {
    let of = |host: &str, uptime: Option<&str>, fraction: &str| {
        let uptime = uptime.map(|uptime| format!("[{uptime}] ")).unwrap_or_default();
        format!("2024-05-06T07:09:10.{fraction}+00:00 {host} kernel: {uptime}{PACKET}")
    };
    let (imklog, again) = (Some("637.581122"), Some("637.581199"));
    let kern = of("cell-1", imklog, "581301");
    let (journal, copy) = (of("cell-1", None, "581355"), of("cell-1", None, "581355"));
    let second_packet = of("cell-1", again, "581402");
    let other_cell = of("cell-2", None, "581355");
    let orders: [[usize; 3]; 6] =
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (what, all, flows) in [
        ("one", [&kern, &journal, &copy], 1),
        ("and by two ways", [&kern, &journal, &kern], 1),
        ("each line with an uptime is another packet", [&kern, &second_packet, &journal], 2),
        ("another machine", [&kern, &journal, &other_cell], 2),
    ] {
        for order in orders {
            let lines: Vec<_> = (0..).zip(order).map(|(n, at)| (n, 1, all[at].as_str())).collect();
            let given = told(&lines);
            assert_eq!(given.len(), flows, "{what} {order:?} {given:?}");
        }
    }
}

#[test]
fn each_line_of_iptables_loggers_tells_one_packet() {
    let (first, again) = (local("637.581122", PACKET), local("638.600001", PACKET));
    let again = again.replace("07:09:10.581301", "07:09:11.600180");
    let late = LOGGER.replace("07:09:10.900", "07:12:10.900");
    let lines = [(0, 1, &*first), (0, 2, &*again), (1, 1, LOGGER), (1, 2, &*late)];
    assert_eq!(
        told(&lines),
        [((0, 1), vec![(1, 1)]), ((0, 2), vec![]), ((1, 2), vec![])],
        "the other comes minutes later, and is a packet of its own"
    );
    let denied = LOGGER.replace("\"allowed\":true", "\"allowed\":false");
    assert_eq!(told(&[(0, 1, &first), (1, 1, &denied)]), [((0, 1), vec![]), ((1, 1), vec![])]);
    // A retransmission has the line that follows it, whatever the order.
    let again = local("644.100000", &PACKET.replace("ID=15946", "ID=15947"))
        .replace("07:09:10.581301", "07:09:17.100179");
    let of_again = LOGGER.replace("07:09:10.900", "07:09:17.400");
    let lines = [(0, 1, &*first), (0, 2, &*again), (1, 1, &*of_again), (2, 1, &*of_again)];
    let (mut expected, also) = (vec![((0, 1), vec![])], vec![(1, 1), (2, 1)]);
    expected.push(((0, 2), also));
    assert_eq!(told(&lines), expected);
}

#[test]
fn the_app_that_iptables_logger_names_stands_in_its_flow_without_a_directory() {
    let kern = local("637.581122", PACKET);
    let unknown = LOGGER.replace("bc6f229d-5e4a-4c41-a63f-e8795496c283", "");
    for (lines, app) in [
        (vec![LOGGER.to_owned()], Some("bc6f229d-5e4a-4c41-a63f-e8795496c283")),
        (vec![kern.clone(), LOGGER.to_owned()], Some("bc6f229d-5e4a-4c41-a63f-e8795496c283")),
        (vec![unknown], None),
        (vec![kern], None),
    ] {
        let lines = numbered(&lines);
        let flows = outputs(&gathered(&lines).correlate(), &lines);
        let guid = |entity: &str| flows[0].1[entity]["guid"].as_str();
        assert_eq!((flows.len(), guid("app")), (1, app), "{flows:?}");
        assert_eq!(flows[0].1["app"]["state"], "not_asked");
        if app.is_some() {
            assert_eq!(guid("space"), Some("b9f86312-a7d7-4bcf-b70f-a440436c210b"));
            assert_eq!(guid("org"), Some("604bd59e-4139-4734-a3be-4e97836eb790"));
        }
    }
}

#[test]
fn a_packet_between_containers_has_two_ends_and_the_address_never_overrules_the_handle() {
    let rep = |handle: &str, address: &str| {
        format!(
            r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"rep","message":"rep.executing-container-operation.ordinary-lrp-processor.process-running-container.bbs-start-actual-lrp","data":{{"container-guid":"{handle}","lrp-instance-key":{{"instance_guid":"{handle}","cell_id":"0455ec2b"}},"lrp-key":{{"process_guid":"bc6f229d-5e4a-4c41-a63f-e8795496c283-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f","index":0,"domain":"cf-apps"}},"net_info":{{"address":"10.0.16.15","ports":[],"instance_address":"{address}"}}}}}}"#
        )
    };
    let (one, other) = ("bfce786c-ab07-40ad-79f9-8f21", "d5978989-1401-49ff-46cd-33e5");
    // The later line shows that the container still had its address.
    let later = rep(one, "10.255.73.3").replace("07:00:00", "08:00:00");
    let denied = "2024-05-06T07:09:10.5+00:00 localhost kernel: [637.500000] DENY_C2C_d5978989-1401-49ff- IN=s-010255073003 \
        OUT=s-010255073004 SRC=10.255.73.3 DST=10.255.73.4 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=5 DPT=80 \
        WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x1 ";
    let ends = |packet: &str| {
        let lines =
            [rep(one, "10.255.73.3"), rep(other, "10.255.73.4"), later.clone(), packet.to_owned()];
        let lines = numbered(&lines);
        let mut flows = outputs(&gathered(&lines).correlate(), &lines);
        assert_eq!(flows.len(), 1);
        flows.remove(0).1
    };
    let flow = ends(denied);
    assert_eq!(
        (&flow["handle"], &flow["attribution"]["certainty"]),
        (&other.into(), &"unique_prefix".into())
    );
    let peer = &flow["peer"];
    assert_eq!((&peer["address"], &peer["handle"]), (&"10.255.73.3".into(), &one.into()));
    assert_eq!(peer["attribution"]["certainty"], "inferred");
    assert_eq!(peer["attribution"]["evidence"][0]["line"], 1);
    // An address that nobody had, and one that contradicts the handle.
    let flow = ends(&denied.replace("SRC=10.255.73.3", "SRC=10.255.73.9"));
    assert_eq!(flow["peer"]["attribution"]["reason"], "no_address_lease");
    let flow = ends(&denied.replace("DST=10.255.73.4", "DST=10.255.73.3"));
    assert_eq!(flow["attribution"]["reason"], "conflicting_address");
    assert_eq!(flow["handle"], serde_json::Value::Null);
    // Out of a container, to the world.
    let flow =
        ends(&denied.replace("DENY_C2C_", "DENY_").replace("DST=10.255.73.4", "DST=8.8.8.8"));
    assert_eq!(flow["peer"], serde_json::Value::Null);
}

/// A line of rep's about the making or the end of a container.
fn life(time: &str, handle: &str, is_end: bool) -> String {
    let what = if is_end {
        "ordinary-lrp-processor.process-completed-container.delete-container.containerstore.destroy.node-destroy.destroyed-container-in-garden"
    } else {
        "ordinary-lrp-processor.process-reserved-container.run-container.containerstore-create.node-create.created-container-in-garden"
    };
    format!(
        r#"{{"timestamp":"2024-05-06T{time}Z","level":"info","source":"rep","message":"rep.executing-container-operation.{what}","data":{{"container-guid":"{handle}","guid":"{handle}"}}}}"#
    )
}

fn flow_of(lines: &[String], packet: u64) -> serde_json::Value {
    let lines = numbered(lines);
    let flows = outputs(&gathered(&lines).correlate(), &lines);
    flows.into_iter().find(|(origin, _)| origin.line == packet).unwrap().1
}

#[test]
fn a_time_that_may_be_either_owners_is_ambiguous() {
    let (one, next) = ("bfce786c-ab07-40ad-79f9-8f21", "bfce786c-ab07-40ad-79f9-8e33");
    let lines = |stamp: &str, uptime: u32| {
        let packet = format!("2024-05-06T{stamp}+00:00 cell-1 kernel: [{uptime}.500000] {PACKET}");
        vec![
            packet,
            life("07:00:00", one, false),
            life("07:10:00", one, true),
            life("08:00:00", next, false),
            "2024-05-06T07:05:00.600000+00:00 cell-1 kernel: [300.500000] hello".into(),
            "2024-05-06T08:05:00.600000+00:00 cell-1 kernel: [3900.500000] hello".into(),
        ]
    };
    let prompt = flow_of(&lines("07:05:00.700000", 300), 1);
    assert_eq!((&prompt["handle"], &prompt["time_error"]), (&one.into(), &1.134.into()));
    assert_eq!(flow_of(&lines("08:05:00.700000", 3_900), 1)["handle"], next);
    // It was stamped an hour after it was written, as its uptime shows.
    let late = flow_of(&lines("08:05:00.700000", 300), 1);
    assert_eq!(late["attribution"]["reason"], "ambiguous_handle_prefix");
    assert_eq!(late["attribution"]["candidates"].as_array().unwrap().len(), 2);
    assert!(late["time_error"].as_f64().unwrap() > 3_600.0);
}

#[test]
fn an_uptime_alone_has_a_time_where_other_lines_of_the_machine_show_both() {
    let packet = format!("[637.581122] cell-1 kernel: {PACKET}");
    let both = "2024-05-06T07:09:00.600000+00:00 cell-1 kernel: [627.500000] hello".to_owned();
    let told = flow_of(&[packet.clone(), both], 1);
    assert!(told["time"].as_str().unwrap().starts_with("2024-05-06T07:09:10"), "{told}");
    assert!(told["time_error"].as_f64().unwrap() < 1.0, "{told}");
    let untold = flow_of(&[packet], 1);
    assert_eq!(
        (&untold["time"], &untold["time_error"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
}

#[test]
fn the_first_phase_takes_each_line_as_the_slow_way_does_however_it_reached_us() {
    const BODIES: [&str; 6] = [
        "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 \
         TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 ",
        "OK_0001_bfce786c-ab07-40ad-a IN=silk-vtep OUT=s-010255073003 SRC=10.255.9.9 DST=10.255.73.3 LEN=60 TOS=0x00 \
         PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 ",
        "x IN=eth0 OUT= SRC=10.0.0.1 DST=10.0",
        r#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.x","data":{"guid":"bfce786c-ab07-40ad-79f9-8f21"}}"#,
        r#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.x","log_level":1,"data":{}}"#,
        "{\"a",
    ];
    // The text before a line that is wrapped as a JSON string.
    const WRAPPINGS: [&str; 4] = [
        r#"{"timestamp":"2024-05-06T07:09:10Z","host":"cell-1","message":"#,
        r#"{"@timestamp":"2024-05-06T07:09:10Z","host":"cell-1","message":"#,
        r#"{"time":"2024-05-06T07:09:10Z","stream":"stdout","log":"#,
        r#"{"_HOSTNAME":"cell-1","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"#,
    ];
    let headers = crate::line::envelope::tests::HEADERS.iter().map(|(header, _)| *header);
    let ways: Vec<&str> = WRAPPINGS.into_iter().chain(headers).collect();
    let written = |way: &str, body: &str| {
        if WRAPPINGS.contains(&way) {
            format!("{way}{}}}", serde_json::to_string(body).unwrap())
        } else {
            format!("{way}{body}")
        }
    };
    let mut packets = 0;
    for way in &ways {
        // Every line comes behind every other, so that each cached value meets all lines.
        let pairs = BODIES.iter().flat_map(|one| BODIES.iter().flat_map(move |two| [one, two]));
        let lines: Vec<_> = pairs.map(|body| written(way, body)).collect();
        let lines = numbered(&lines);
        let (state, flows) = slow_outputs(&lines);
        let gathered = gathered(&lines);
        assert_eq!(*gathered.counts(), state.counts, "{way}");
        let mut outcomes = Outcomes::default();
        for (origin, text) in &lines {
            let line = Line::new(text);
            let first = Outcome::of(&line, &Record::classify(&line));
            let outcome = Record::more(&line).fold(first, |it, record| it.with(&record));
            outcomes.count(*origin, outcome);
        }
        assert_eq!(*gathered.outcomes(), outcomes, "{way}");
        assert_eq!(gathered.completeness().report(), state.completeness.report(), "{way}");
        packets += gathered.counts().packets;
        assert_eq!(outputs(&gathered.correlate(), &lines), flows, "{way}");
    }
    assert!(packets > 36 * ways.len() as u64 / 2, "{packets}");
}

#[test]
fn a_batch_that_is_out_of_order_or_anothers_is_refused() {
    let mut gathering = Gathering::new();
    let mut gatherer = gathering.gatherer();
    let first = gatherer.take_batch();
    assert_eq!(gathering.merge(gatherer.take_batch(), 0), Err(MisplacedBatch));
    assert_eq!(gathering.merge(first, 0), Ok(()));
    let mut other = Gathering::new();
    let foreign = other.gatherer().take_batch();
    assert_eq!(gathering.merge(foreign, 0), Err(MisplacedBatch));
}

#[test]
fn names_are_asked_once_by_guid_and_those_left_out_are_asked_again() {
    let rep = |handle: &str, process: &str| {
        format!(
            r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"rep","message":"rep.executing-container-operation.starting","data":{{"container-guid":"{handle}","lrp-key":{{"process_guid":"{process}-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f","index":0,"domain":"cf-apps"}}}}}}"#
        )
    };
    let (one, two) =
        ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
    let lines = [
        rep("bfce786c-ab07-40ad-79f9-8f21", one),
        rep("d5978989-1401-49ff-46cd-33e5", two),
        local("637.581122", PACKET),
        local(
            "637.600000",
            &PACKET.replace("bfce786c-ab07-40ad-79f9-8", "d5978989-1401-49ff-46cd-3"),
        ),
    ];
    let lines = numbered(&lines);
    let mut gathered = gathered(&lines);
    let mut questions = Vec::new();
    // Like a database, it returns only the rows that it has, in an order of its own.
    let mut known = vec![two];
    for _ in 0..2 {
        let mut directory = directory_fn(|guids: &[Guid]| {
            questions.push(guids.iter().map(ToString::to_string).collect::<Vec<_>>());
            let named = |guid: &&str| Identity {
                state: AppState::Live,
                app: Some(Entity::named(*guid, format!("app-{}", &guid[..1]))),
                ..Identity::unknown()
            };
            let rows = known.iter().map(|guid| (guid.parse().unwrap(), named(guid)));
            Ok::<_, Infallible>(rows.collect::<HashMap<Guid, Identity>>())
        });
        let Ok(()) = gathered.resolve(&mut directory);
        known.push(one);
    }
    assert_eq!(questions, [vec![one.to_owned(), two.to_owned()], vec![one.to_owned()]]);
    let flows = outputs(&gathered.correlate(), &lines);
    let named: Vec<_> = flows.iter().map(|(_, flow)| flow["app"]["name"].as_str()).collect();
    assert_eq!(named, [Some("app-1"), Some("app-2")]);
}

#[test]
fn an_owner_that_nobody_was_asked_about_is_not_asked_rather_than_unknown() {
    let lines = [life("07:00:00", "bfce786c-ab07-40ad-79f9-8f21", false), local("1.5", PACKET)];
    let lines = numbered(&lines);
    let mut gathered = gathered(&lines);
    let Ok(()) = gathered.resolve(&mut NoDirectory);
    let flows = outputs(&gathered.correlate(), &lines);
    assert_eq!(flows[0].1["app"]["state"], "not_asked");
}

/// Moves from the first phase to the second do not need `&mut`: any number of threads may ask.
#[test]
fn an_evidence_base_is_shared_by_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let lines = [local("1.5", PACKET), local("2.5", PACKET)];
    let lines = numbered(&lines);
    let correlation = gathered(&lines).correlate();
    is_shared(&correlation);
    let alone = outputs(&correlation, &lines);
    let found = std::thread::scope(|scope| {
        let correlation = &correlation;
        let threads: Vec<_> =
            lines.chunks(1).map(|half| scope.spawn(move || outputs(correlation, half))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(found, alone);
}

#[test]
fn a_line_whose_header_was_not_understood_takes_no_other_machines_clock() {
    let packet = "OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 \
        TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 LEN=41 ";
    let lines = [
        format!("2024-05-06T07:09:10.500000Z cell-1 kernel: [  921.601221] {packet}"),
        format!("2024-05-06T07:09:1 cell-2 kernel: [  353.187470] {packet}"),
        // The kernel's buffer names no machine, and is of the only one there is.
        format!("[  922.601221] {packet}"),
    ];
    let lines = numbered(&lines);
    let correlation = gathered(&lines).correlate();
    let times: Vec<_> =
        outputs(&correlation, &lines).into_iter().map(|(_, flow)| flow["time"].clone()).collect();
    assert_eq!(times[0], "2024-05-06T07:09:10.5Z");
    assert_eq!(times[1], serde_json::Value::Null);
    assert!(times[2].as_str().unwrap().starts_with("2024-05-06T07:09:11."), "{times:?}");
}
