//! A follower over a script of outages: every app is named in the end, no flow is lost, and each
//! outage is reported once.

mod common;

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use asg_cc_client::embedded::{Clock, Foundation, Outage, Page, Realm, Server, Trouble};
use common::{ASGLOG, CfHome};
use serde_json::{Value, json};

const SPACE: &str = "c65add41-d85b-4823-9e2a-545a5e0e5812";
const ORG: &str = "2c279d6c-6f15-4cc0-99ed-72ef76ec50eb";
const APPS: u32 = 9;

fn app(n: u32) -> String {
    format!("4ccbb24c-268e-421a-9d1b-{n:012}")
}

fn foundation() -> Foundation {
    let empty = Foundation::new().org(ORG, "o").space(SPACE, "s", ORG);
    (1..=APPS).fold(empty, |all, n| all.app(&app(n), &format!("app-{n}"), SPACE))
}

/// Returns the lines of a cell about app `n`: its container, and one packet.
fn log_of(n: u32, seconds: u32) -> String {
    let stamp = format!("2024-05-06T07:{:02}:{:02}", seconds / 60, seconds % 60);
    let handle = format!("{n:08x}-ab07-40ad-79f9-8f21");
    let process = format!("{}-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f", app(n));
    let data = json!({"container-guid": handle, "lrp-key": {"process_guid": process, "index": 0, "domain": "cf-apps"}});
    let rep = json!({"timestamp": format!("{stamp}Z"), "level": "info", "source": "rep",
        "message": "rep.executing-container-operation.starting", "data": data});
    format!(
        "{rep}\n{stamp}+00:00 cell kernel: [{seconds}.{n:06}] OK_{} IN=s-010255073{n:03} OUT=eth0 SRC=10.255.73.{n} \
         DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={seconds} DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 \
         RES=0x00 SYN URGP=0 \n",
        &handle[..25]
    )
}

type Told = Arc<Mutex<Vec<String>>>;

/// A run of `asglog correlate --follow`.
struct Following {
    child: Child,
    log: File,
    seconds: u32,
    stdout: Told,
    stderr: Told,
    _folder: tempfile::TempDir,
}

impl Following {
    fn start(args: &[&str], env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cell.log");
        let log = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let mut child = Command::new(ASGLOG)
            .args(["correlate", "--follow", "--format", "ndjson", "--hold", "1"])
            .args(args)
            .arg(&path)
            .env_remove("HOME")
            .env_remove("CF_HOME")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Self { child, log, seconds: 0, stdout, stderr, _folder: folder }
    }

    fn write(&mut self, n: u32) {
        self.seconds += 5;
        self.log.write_all(log_of(n, self.seconds).as_bytes()).unwrap();
    }

    /// Waits until a flow of this app is there, and gives the state of the last one.
    fn state(&self, n: u32) -> Option<String> {
        let told = self.stdout.lock().unwrap().clone();
        let process = app(n);
        let flows = told.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut own = flows.filter(|flow| {
            flow["process_guid"].as_str().is_some_and(|guid| guid.starts_with(&process))
        });
        own.next_back().map(|flow| flow["app"]["state"].as_str().unwrap().to_owned())
    }

    fn wait_for(&self, what: &str, mut is_there: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !is_there(self) {
            let stderr = self.stderr.lock().unwrap().join("\n");
            assert!(began.elapsed() < Duration::from_secs(60), "no {what}: {stderr}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn told(&self, what: &str) -> usize {
        self.stderr.lock().unwrap().iter().filter(|line| line.contains(what)).count()
    }

    /// Presses Ctrl-C; gives standard output and standard error.
    fn end(mut self) -> (Vec<Value>, Vec<String>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(130));
        thread::sleep(Duration::from_millis(200));
        let flows: Vec<Value> = self
            .stdout
            .lock()
            .unwrap()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        common::assert_schema("correlate", &flows);
        let stderr = self.stderr.lock().unwrap().clone();
        (flows, stderr)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(pipe: impl Read + Send + 'static) -> Told {
    let told = Told::default();
    let lines = Arc::clone(&told);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
    told
}

fn is_live(n: u32) -> impl FnMut(&Following) -> bool {
    move |run| run.state(n).as_deref() == Some("live")
}

const AWAY: Trouble = Trouble::Unavailable(503, Page::Json);

#[test]
fn flows_that_wait_for_names_are_all_named_and_each_outage_is_told_once() {
    let server = Server::start(foundation().token("sesame")).unwrap();
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let mut run = Following::start(&["--cf", "--names-wait", "60"], &[cf.env()]);
    run.write(1);
    run.wait_for("name before the outage", is_live(1));

    server.outage(Outage::new().always("/", AWAY));
    run.write(2);
    run.write(3);
    run.wait_for("word about the outage", |run| run.told("names are missing from now on") == 1);
    thread::sleep(Duration::from_secs(3));
    assert_eq!((run.state(2), run.state(3)), (None, None), "they wait");
    server.outage(Outage::new());
    run.wait_for("name after the outage", is_live(2));
    run.wait_for("name after the outage", is_live(3));

    server.update(|foundation| {
        foundation.tokens.clear();
        *foundation = foundation.clone().token("fresh");
    });
    run.write(4);
    run.wait_for("word about the token", |run| run.told("names are missing from now on") == 2);
    assert_eq!(run.told("log in again with `cf login`"), 1);
    run.write(5);
    thread::sleep(Duration::from_secs(2));
    cf.change(|config| config["AccessToken"] = json!("bearer fresh"));
    run.wait_for("name after the login", is_live(4));
    run.wait_for("name after the login", is_live(5));

    let (flows, stderr) = run.end();
    let names: Vec<_> = flows.iter().map(|flow| flow["app"]["name"].clone()).collect();
    assert_eq!(names, (1..=5).map(|n| json!(format!("app-{n}"))).collect::<Vec<_>>());
    let outages: Vec<_> = stderr.iter().filter(|line| !line.contains("waiting for the")).collect();
    assert_eq!(outages.len(), 4, "{stderr:?}");
    assert!(outages.iter().skip(1).step_by(2).all(|line| line.contains("names are back after")));
}

#[test]
fn a_login_after_the_start_gives_names() {
    let server = Server::start(foundation().token("sesame")).unwrap();
    // The cf CLI logged out.
    let cf = CfHome::new(&server.url(), "");
    let mut run = Following::start(&["--cf", "--names-wait", "60"], &[cf.env()]);
    run.wait_for("word about the login", |run| run.told("names are missing from now on") == 1);
    run.write(1);
    run.write(2);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(run.state(1), None, "it waits");
    cf.change(|config| config["AccessToken"] = json!("bearer sesame"));
    run.wait_for("name after the login", is_live(1));
    run.wait_for("name after the login", is_live(2));
    let (_, stderr) = run.end();
    assert_eq!(stderr.len(), 2, "{stderr:?}");
    assert!(stderr[0].contains("not logged in"), "{stderr:?}");
    assert!(stderr[1].contains("names are back after"), "{stderr:?}");

    // A token file that comes later does the same.
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let url = server.url();
    let args = ["--api", &*url, "--token-file", token.to_str().unwrap()];
    let mut run = Following::start(&args, &[]);
    run.write(1);
    run.wait_for("flow without a name", |run| run.state(1).as_deref() == Some("unavailable"));
    std::fs::write(&token, "bearer sesame").unwrap();
    for _ in 0..20 {
        run.write(2);
        thread::sleep(Duration::from_secs(1));
        if run.told("names are back after") > 0 {
            break;
        }
    }
    run.write(1);
    run.wait_for("name after the token came", is_live(1));
    let (_, stderr) = run.end();
    assert_eq!(stderr.len(), 3, "{stderr:?}");
    assert!(stderr[0].contains("token file") && stderr[0].contains("is asked again"), "{stderr:?}");
}

#[test]
fn flows_that_do_not_wait_are_counted_and_later_ones_are_named() {
    let realm = Realm::new().robot("reader", "secret", &["cloud_controller.global_auditor"]);
    let server = Server::start_with_uaa(foundation(), realm, Clock::system()).unwrap();
    let url = server.url();
    let args = ["--api", &*url, "--client", "reader"];
    let mut run = Following::start(&args, &[("ASGLOG_CLIENT_SECRET", "secret")]);
    run.write(1);
    run.wait_for("name before the outage", is_live(1));

    let uaa = server.uaa().unwrap();
    uaa.outage(Outage::new().always("/", AWAY));
    uaa.revoke_access_tokens();
    run.write(2);
    run.wait_for("flow without a name", |run| run.state(2).as_deref() == Some("unavailable"));
    run.write(3);
    run.wait_for("flow without a name", |run| run.state(3).as_deref() == Some("unavailable"));
    uaa.outage(Outage::new());
    for _ in 0..20 {
        run.write(2);
        thread::sleep(Duration::from_secs(1));
        if run.told("names are back after") > 0 {
            break;
        }
    }
    run.write(2);
    run.write(3);
    run.wait_for("name after the outage", is_live(2));
    run.wait_for("name after the outage", is_live(3));
    let (flows, stderr) = run.end();
    let unnamed = flows.iter().filter(|flow| flow["app"]["state"] == "unavailable").count();
    assert!(unnamed >= 2);
    let told: Vec<_> = stderr.iter().filter(|line| !line.contains("waiting for the")).collect();
    assert_eq!(told.len(), 3, "{stderr:?}");
    let count = format!("; {unnamed} flows were given without names");
    assert!(told[1].contains("names are back after") && told[1].ends_with(&count), "{told:?}");
    assert_eq!(told[2], &format!("asglog: {unnamed} flows were given without names"));
    assert!(uaa.issued() == 2, "{} logins", uaa.issued());
}

#[test]
fn an_end_during_an_outage_gives_all_flows_and_says_how_many_have_no_names() {
    let server = Server::start(foundation().token("sesame")).unwrap();
    server.outage(Outage::new().always("/", AWAY));
    let cf = CfHome::new(&server.url(), "bearer sesame");
    let mut run = Following::start(&["--cf", "--names-wait", "600"], &[cf.env()]);
    (1..=APPS).for_each(|n| run.write(n));
    run.wait_for("word about the outage", |run| run.told("flows wait for them for 600 s") == 1);
    let (flows, stderr) = run.end();
    assert_eq!(flows.len(), APPS as usize);
    let sentence = format!("asglog: {APPS} flows were given without names");
    assert_eq!(stderr.last(), Some(&sentence), "{stderr:?}");
}
