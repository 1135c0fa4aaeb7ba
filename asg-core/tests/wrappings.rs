//! Lines in all the wrappings that programs put around them: each is read, its machine and time are
//! found, and who wrote it decides what it proves.

use asg_core::{Line, Origin, Record, SourceId, TimePolicy};
use serde_json::Value;

/// One wrapping. `{P}` stands for the program, `{PU}` for its name in capitals, `{B}` for the text,
/// `{N}` for the number of bytes that follow.
struct Wrapping {
    name: String,
    template: String,
    encoding: String,
    cell: Option<String>,
    time: Option<String>,
}

impl Wrapping {
    fn all() -> Vec<Self> {
        let text = include_str!("../fixtures/line/wrappings.jsonl");
        let all = text.lines().map(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            let text = |key: &str| row[key].as_str().map(str::to_owned);
            Self {
                name: text("name").unwrap(),
                template: text("template").unwrap(),
                encoding: text("encoding").unwrap(),
                cell: text("cell"),
                time: text("time"),
            }
        });
        all.collect()
    }

    fn around(&self, program: &str, body: &str) -> String {
        let body = match &*self.encoding {
            "json" => serde_json::to_string(body).unwrap().trim_matches('"').to_owned(),
            "csv" => body.replace('"', "\"\""),
            _ => body.to_owned(),
        };
        // Quotes in the template's own headers are escaped as the body's are.
        let line = self.template.replace("{PU}", &program.to_uppercase()).replace("{P}", program);
        let line = line.replace("{B}", &body);
        match line.strip_prefix("{N} ") {
            Some(rest) => format!("{} {rest}", rest.len()),
            None => line,
        }
    }
}

const PACKET: &str = "[88008.920287] OK_d538d169-f2f6-4587-77b1-f IN=s-010255015007 OUT=eth0 \
    MAC=aa:aa:0a:ff:0f:07:ee:ee:0a:ff:0f:07:08:00 SRC=10.255.15.7 DST=203.0.113.10 LEN=60 TOS=0x00 PREC=0x00 \
    TTL=63 ID=45400 DF PROTO=TCP SPT=35236 DPT=80 WINDOW=29200 RES=0x00 SYN URGP=0 MARK=0x2 ";

const REP: &str = r#"{"timestamp":"1714979350.100000000","source":"rep","message":"rep.executing-container-operation.ordinary-lrp-processor.process-reserved-container.run-container.containerstore-create.node-create.created-container-in-garden","log_level":1,"data":{"container-guid":"d538d169-f2f6-4587-77b1-f00d","guid":"d538d169-f2f6-4587-77b1-f00d"}}"#;

/// What is wrong with a packet's line, in words.
fn faults(wrapping: &Wrapping) -> Vec<String> {
    let text = wrapping.around("kernel", PACKET);
    let line = Line::new(text.as_bytes());
    let record = Record::read(&line);
    let output = serde_json::to_value(record.to_output(1, &TimePolicy::default())).unwrap();
    let mut faults = Vec::new();
    let mut hold = |what: &str, got: &Value, expected: Value| {
        if *got != expected {
            faults.push(format!("{}: {what} is {got}, expected {expected}: {text}", wrapping.name));
        }
    };
    hold("kind", &output["kind"], "packet".into());
    hold("verdict", &output["cf"]["verdict"], "allowed".into());
    hold("handle", &output["cf"]["handle_prefix"], "d538d169-f2f6-4587-77b1-f".into());
    hold("source", &output["packet"]["src"], "10.255.15.7".into());
    hold("destination", &output["packet"]["dst"], "203.0.113.10".into());
    hold("mark", &output["packet"]["mark"], 2.into());
    hold("uptime", &output["uptime"], "88008.920287".into());
    hold("program", &output["program"], Value::Null);
    hold("header_not_understood", &output["header_not_understood"], Value::Null);
    hold("cell", &record.envelope.cell().into(), wrapping.cell.clone().into());
    hold("time", &output["time"], wrapping.time.clone().into());
    faults
}

#[test]
fn a_packet_is_read_in_each_wrapping_with_its_machine_and_time() {
    let all = Wrapping::all();
    let faults: Vec<_> = all.iter().flat_map(faults).collect();
    assert!(all.len() >= 120, "{}", all.len());
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
}

fn proves(line: &str) -> usize {
    let mut found = 0;
    let origin = Origin { source: SourceId(0), line: 1 };
    Record::read(&Line::new(line.as_bytes())).evidence(origin, |_| found += 1);
    found
}

#[test]
fn a_rep_line_is_evidence_in_each_wrapping_and_an_apps_is_in_none() {
    let mut faults = Vec::new();
    for wrapping in Wrapping::all() {
        let text = wrapping.around("rep", REP);
        if proves(&text) != 1 {
            faults.push(format!("{}: no evidence: {text}", wrapping.name));
        }
        for program in ["sshd", "app", "11111111-1111-4111-8111-111111111111"] {
            let text = wrapping.around(program, REP);
            if proves(&text) != 0 {
                faults.push(format!("{}: forged evidence: {text}", wrapping.name));
            }
            let text = wrapping.around(program, PACKET);
            let line = Line::new(text.as_bytes());
            if Record::read(&line).proven_packet().is_some() {
                faults.push(format!("{}: forged packet: {text}", wrapping.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
}
