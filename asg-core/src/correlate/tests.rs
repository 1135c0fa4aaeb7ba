//! The correlator, over logs of a few lines.

use super::*;
use crate::evidence::SourceId;

#[test]
fn a_missing_year_is_that_of_the_lager_lines_in_the_same_source() {
    let lager = |seconds: i64| {
        format!(
            r#"{{"timestamp":"{seconds}.5","source":"rep","message":"rep.x","data":{{"guid":"x"}}}}"#
        )
    };
    let packet = "Jun 16 23:18:38 localhost kernel: [12.5] x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 \
        TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ";
    let mut correlator = Correlator::new();
    for (source, seconds) in [(0, 1_497_654_859), (1, 1_715_000_000)] {
        let origin = Origin { source: SourceId(source), line: 1 };
        correlator.observe(origin, lager(seconds).as_bytes());
    }
    let lines =
        [0, 1, 2].map(|source| (Origin { source: SourceId(source), line: 2 }, packet.as_bytes()));
    let mut years = Vec::new();
    correlator.flows(
        &lines,
        |_| Vec::new(),
        |flow| {
            years.push(flow.time.unwrap().to_string()[..4].to_owned());
        },
    );
    assert_eq!(years, ["2017", "2024", "2024"], "the last source shows no year of its own");
}

/// Source and line.
type Place = (u32, u64);

/// The flows of these lines, each with its place and where else its packet is told, with names left out.
fn told(lines: &[(u32, u64, &str)]) -> Vec<(Place, Vec<Place>)> {
    let place = |origin: Origin| (origin.source.0, origin.line);
    let lines: Vec<_> = lines
        .iter()
        .map(|(source, line, text)| {
            (Origin { source: SourceId(*source), line: *line }, text.as_bytes())
        })
        .collect();
    let mut correlator = Correlator::new();
    for (origin, line) in &lines {
        correlator.observe(*origin, line);
    }
    let mut flows = Vec::new();
    correlator.flows(
        &lines,
        |guids| vec![Identity::unknown(); guids.len()],
        |flow| flows.push((place(flow.origin), flow.also.iter().copied().map(place).collect())),
    );
    flows
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
        assert_eq!(told(&turned), [((0, 3), vec![(1, 9), (2, 1), (2, 2), (3, 5)])], "{start}");
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
        ("no uptime", without_uptime(stamp, PACKET)),
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
    let bare = without_uptime(stamp, &no_id);
    assert_eq!(told(&[(0, 1, &bare), (0, 2, &bare)]).len(), 2, "no IP ID");
    let (one, other) = (format!("4,7,637581122,-;{no_id}"), format!("4,8,637581122,-;{no_id}"));
    assert_eq!(
        told(&[(0, 1, &one), (0, 2, &other)]).len(),
        2,
        "two records of the kernel's buffer"
    );
    assert_eq!(told(&[(0, 1, &one), (1, 1, &one)]).len(), 1, "one record");
}

#[test]
fn each_line_of_iptables_loggers_tells_one_packet() {
    let (first, again) = (local("637.581122", PACKET), local("638.600001", PACKET));
    let late = LOGGER.replace("07:09:10.900", "07:12:10.900");
    let lines = [(0, 1, &*first), (0, 2, &*again), (1, 1, LOGGER), (1, 2, &*late)];
    assert_eq!(
        told(&lines),
        [((0, 1), vec![(1, 1)]), ((0, 2), vec![])],
        "the other comes minutes later"
    );
    let denied = LOGGER.replace("\"allowed\":true", "\"allowed\":false");
    assert_eq!(told(&[(0, 1, &first), (1, 1, &denied)]), [((0, 1), vec![])]);
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
        let lines: Vec<_> = (1..)
            .zip(&lines)
            .map(|(line, text)| (Origin { source: SourceId(0), line }, text.as_bytes()))
            .collect();
        let mut correlator = Correlator::new();
        for (origin, line) in &lines {
            correlator.observe(*origin, line);
        }
        let mut output = Vec::new();
        correlator.flows(
            &lines,
            |_| Vec::new(),
            |flow| {
                output.push(serde_json::to_value(flow.to_output(|source| source.0)).unwrap());
            },
        );
        assert_eq!(output.len(), 1);
        output.remove(0)
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
    // An address that nobody had, and one that says otherwise than the handle.
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
    let lines: Vec<_> = (1..)
        .zip(lines)
        .map(|(line, text)| (Origin { source: SourceId(0), line }, text.as_bytes()))
        .collect();
    let mut correlator = Correlator::new();
    for (origin, line) in &lines {
        correlator.observe(*origin, line);
    }
    let mut found = None;
    correlator.flows(
        &lines,
        |_| Vec::new(),
        |flow| {
            if flow.origin.line == packet {
                found = Some(serde_json::to_value(flow.to_output(|source| source.0)).unwrap());
            }
        },
    );
    found.unwrap()
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
fn a_tally_takes_each_line_for_what_the_correlator_does_however_it_reached_us() {
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
    // What stands before a line that is wrapped as a JSON string.
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
        // Each stands behind each, so that whatever is remembered of a line meets all others.
        let pairs = BODIES.iter().flat_map(|one| BODIES.iter().flat_map(move |two| [one, two]));
        let (mut correlator, mut tally) = (Correlator::new(), Tally::new());
        let mut reader = tally.reader();
        for (line, body) in (1..).zip(pairs) {
            let (origin, text) = (Origin { source: SourceId(0), line }, written(way, body));
            correlator.observe(origin, text.as_bytes());
            reader.read(origin, text.as_bytes());
        }
        tally.finish(reader);
        assert_eq!(tally.counts(), correlator.counts(), "{way}");
        let reports = [tally.completeness().report(), correlator.completeness().report()];
        assert_eq!(reports[0], reports[1], "{way}");
        packets += tally.counts().packets;
    }
    assert!(packets > 36 * ways.len() as u64 / 2, "{packets}");
}

#[test]
#[should_panic(expected = "an earlier reading was not taken")]
fn a_reading_that_was_left_out_is_noticed() {
    let mut tally = Tally::new();
    let mut reader = tally.reader();
    drop(reader.hand_over());
    tally.take(reader.hand_over());
}

#[test]
#[should_panic(expected = "the reading is another tally's")]
fn a_reading_of_another_tallys_is_refused() {
    let mut other = Tally::new().reader();
    let mut tally = Tally::new();
    drop(tally.reader());
    tally.take(other.hand_over());
}
