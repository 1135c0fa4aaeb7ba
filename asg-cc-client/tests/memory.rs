//! The memory that reading costs. The tests measure their whole process, so each runs alone: `cargo
//! test -p asg-cc-client --release --test memory -- --ignored --test-threads 1`.
#![cfg(target_os = "linux")]

use std::io::{self, Read};

use asg_cc_client::client::ApiVersion;
use asg_cc_client::{CloudController, Export, Token};
use asg_core::Guid;
use asg_core::names::AppState;
use http::{Request, Response};

/// Returns the peak memory of this process, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

const APPS: u128 = 300_000;

/// A list of so many apps, generated as it is read.
struct Apps {
    next: u128,
    ready: Vec<u8>,
    given: usize,
    total: u64,
}

impl Apps {
    fn new() -> Self {
        Self { next: 0, ready: br#"{"resources":["#.to_vec(), given: 0, total: 0 }
    }

    fn refill(&mut self) {
        let n = self.next;
        self.given = 0;
        self.next += 1;
        self.ready = match n {
            APPS => b"]}".to_vec(),
            n if n > APPS => Vec::new(),
            n => format!(
                r#"{}{{"guid":"{}","name":"an-app-{n}","lifecycle":{{"type":"buildpack","data":{{}}}},"relationships":{{"space":{{"data":{{"guid":"{}"}}}}}}}}"#,
                if n == 0 { "" } else { "," },
                Guid::from_u128(n),
                Guid::from_u128(n % 1000),
            )
            .into_bytes(),
        };
    }
}

impl Read for Apps {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            self.refill();
        }
        let rest = &self.ready[self.given..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.given += n;
        self.total += n as u64;
        Ok(n)
    }
}

#[test]
#[ignore = "it weighs its process, so nothing else may run in it"]
fn an_export_of_300_000_apps_takes_less_than_its_own_size() {
    let before = peak();
    let mut apps = Apps::new();
    let mut export = Export::new();
    export.add_from("apps.json", &mut apps).unwrap();
    let taken = peak() - before;
    println!("{} MB of apps take {} MB", apps.total >> 20, taken >> 20);
    let last = Guid::from_u128(APPS - 1);
    assert_eq!(export.resolve(&[last])[&last].state, AppState::Live);
    assert!(taken < 300 << 20 && taken < 4 * apps.total, "{taken} for {}", apps.total);
}

#[test]
#[ignore = "it weighs its process, so nothing else may run in it"]
fn an_answer_of_250_mb_costs_its_own_bytes_and_an_error() {
    let unit = br#"{"a":0},"#;
    let mut body = br#"{"resources":["#.to_vec();
    body.extend(unit.iter().cycle().take(250 << 20));
    let before = peak();
    let answer = |_: Request<Vec<u8>>| Ok(Response::new(body.clone()));
    let cc = CloudController::new(answer, "https://api", Token::new("sesame").unwrap()).unwrap();
    let cc = cc.with_version(ApiVersion::V3);
    let error = cc.resolve(&[Guid::from_u128(1)]).unwrap_err();
    let taken = (peak() - before).saturating_sub(250 << 20);
    println!("beside its bytes the answer takes {} MB: {error}", taken >> 20);
    assert!(taken < 8 << 20, "{taken}");
}
