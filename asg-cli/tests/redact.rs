//! `asglog redact` as people meet it: its key, its folder, its sentences, and the way back.

mod common;

use std::fs;
use std::path::Path;

use common::{here, run, run_with};

struct Redacted {
    folder: tempfile::TempDir,
}

impl Redacted {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Redacts a text, and returns the new one with what was said.
    fn of(text: &str) -> (Self, String, String, i32) {
        let it = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(it.path("old.log"), text).unwrap();
        let args =
            ["--key", &it.path("key"), "--new-key", "-o", &it.path("new"), &it.path("old.log")];
        let run = run("redact", &args);
        let new = fs::read_to_string(it.path("new/logs/0001.log")).unwrap_or_default();
        (it, new, run.stderr, run.status)
    }

    fn reverse(&self, text: &str) -> String {
        let run =
            run_with("redact", &["--key", &self.path("key"), "--reverse"], &[], text.as_bytes());
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stdout
    }
}

const PACKET: &str = "2024-05-06T07:09:10.581301Z cell-orange kernel: [  637.581122] OK_bfce786c-ab07-40ad-79f9-8 \
    IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=10.255.73.3 DST=10.7.0.9 LEN=60 TOS=0x00 \
    PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=5432 WINDOW=27400 RES=0x00 SYN URGP=0 ";

#[test]
fn a_packet_comes_back_with_the_key_and_shows_nothing_without_it() {
    let (it, new, said, status) = Redacted::of(PACKET);
    assert_eq!(status, 0, "{said}");
    for word in ["orange", "bfce786c", "010255073003", "0a:ff:49:03", "10.255.73.3", "10.7.0.9"] {
        assert!(!new.contains(word), "{word} in {new}");
    }
    assert!(new.contains("DPT=5432") && new.contains("[  637.581122]"), "{new}");
    let old = it.reverse(&new);
    let packet = PACKET.split_once("OK_").unwrap().1;
    assert!(old.contains(packet) && old.contains("cell-orange"), "{old}");
}

#[test]
fn text_is_dropped_and_every_line_keeps_its_number() {
    let text = format!(
        "2024-05-06T07:09:10Z cell-orange sshd[71]: accepted key of alice\n{PACKET}\nSRC=10.1.1.1 then DST=10.2.2.2\n\
         2024-05-06T07:09:11Z cell-orange kernel: [  638.5] net_ratelimit: 12 callbacks suppressed\n"
    );
    let (_, new, said, status) = Redacted::of(&text);
    assert_eq!(status, 1, "{said}");
    assert_eq!(new.split('\n').count(), 5, "{new}");
    for word in ["alice", "accepted", "sshd", "10.1.1.1", "net_ratelimit"] {
        assert!(!new.contains(word), "{word} in {new}");
    }
    assert!(new.contains(": 12 callbacks suppressed"), "{new}");
    assert!(
        said.contains("1 lines look like a packet's or a container's and could not be read"),
        "{said}"
    );
    assert!(said.contains("of 1 others the text is dropped"), "{said}");
}

#[test]
fn members_that_nobody_reads_do_not_pass() {
    let line = r#"{"timestamp":"2024-05-06T07:08:05.4Z","level":"info","source":"rep","message":"rep.alice.node-create.created-container-in-garden","data":{"container-guid":"bfce786c-ab07-40ad-79f9-8f21","lrp-key":{"process_guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11","index":3,"domain":"cf-apps"},"env":["PASSWORD=hunter2"],"session":"7"}}"#;
    let (it, new, said, status) = Redacted::of(line);
    assert_eq!(status, 0, "{said}");
    for word in ["alice", "hunter2", "PASSWORD", "bfce786c", "4ccbb24c", "0f0f6a2e"] {
        assert!(!new.contains(word), "{word} in {new}");
    }
    let old = it.reverse(&new);
    for word in [
        "bfce786c-ab07-40ad-79f9-8f21",
        "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e",
        r#""index":3"#,
    ] {
        assert!(old.contains(word), "{word} in {old}");
    }
}

#[test]
fn the_bundled_logs_give_the_same_owners() {
    let it = Redacted { folder: tempfile::tempdir().unwrap() };
    let logs = ["article", "foundation"].map(|name| here(&format!("data/{name}.log")));
    let (key, new) = (it.path("key"), it.path("new"));
    let made = run("redact", &["--key", &key, "--new-key", "-o", &new, &logs[0], &logs[1]]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let flows = |logs: [&str; 2]| {
        let args = ["--format", "ndjson", "--year", "2017", logs[0], logs[1]];
        let flows = run("correlate", &args).stdout;
        flows.replace(logs[0], "the first").replace(logs[1], "the second")
    };
    let old = flows([&logs[0], &logs[1]]);
    let new = flows([&it.path("new/logs/0001.log"), &it.path("new/logs/0002.log")]);
    assert!(new != old && old.lines().count() > 10);
    let new = it.reverse(&new);
    assert_eq!(new, old);
}

#[test]
fn mistakes_have_sentences_with_remedies() {
    let it = Redacted { folder: tempfile::tempdir().unwrap() };
    fs::write(it.path("old.log"), PACKET).unwrap();
    fs::create_dir(it.path("full")).unwrap();
    fs::write(it.path("full/x"), "").unwrap();
    let (key, log) = (it.path("key"), it.path("old.log"));
    for (args, sentence) in [
        (
            vec!["-o", "x", &log],
            "asglog redact needs a key: give --key FILE, with --new-key if there is none yet",
        ),
        (vec!["--key", &key, &log], "name a new folder with --output FOLDER"),
        (
            vec!["--key", &key, "-o", "x", &log],
            "there is no such key; asglog redact --new-key makes one",
        ),
        (
            vec!["--key", &key, "--new-key", "-o", &it.path("full"), &log],
            "is not empty: name a new folder",
        ),
        (
            vec!["--key", &key, "--new-key", "-o", &log, &log],
            "old.log is a file: name a new folder with --output",
        ),
        (vec!["--key", &log, "-o", "x", &log], "old.log"),
    ] {
        let run = run("redact", &args);
        assert_eq!(run.status, 2, "{args:?}");
        assert!(run.stderr.contains(sentence), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn lines_of_dmesg_and_damaged_packets_count_as_before() {
    let body = PACKET.split_once("] ").unwrap().1;
    let cut = body.split_once(" SPT=").unwrap().0;
    let text = format!(
        "[Mon May  6 07:09:10 2024] {body}\n[Tue May  7 23:59:59 2024] {body}\n\
         2024-05-06T07:09:11.5Z cell-orange kernel: [  638.500000] {cut} SPT=x\n\
         2024-05-06T07:09:12.5Z cell-orange kernel: [  639.500000] DENY_9489f4da-a681-499f-6859 \
         IN=s-010255060007 OUT=eth0 SRC=fd12:3456:003c:0000:0000:0000:0000:0007 \
         DST=2001:0db8:0ec3:0000:0000:0000:0000:f844 LEN=100 TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=AH SPI=0x1 \n"
    );
    let (it, _, said, status) = Redacted::of(&text);
    assert!(status < 2, "{said}");
    let summary = |log: &str| -> serde_json::Value {
        let run = run("correlate", &["--format", "summary-json", log]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    };
    let (old, new) = (summary(&it.path("old.log")), summary(&it.path("new/logs/0001.log")));
    for member in ["lines", "packets", "damaged"] {
        assert_eq!(old[member], new[member], "{member}: {said}");
    }
}

#[test]
fn a_folder_that_failed_is_not_there() {
    let it = Redacted { folder: tempfile::tempdir().unwrap() };
    fs::write(it.path("old.log"), PACKET).unwrap();
    fs::write(it.path("bad.json"), "[").unwrap();
    let (key, log, new) = (it.path("key"), it.path("old.log"), it.path("new"));
    for more in [["--cc-export", "nowhere"], ["--groups", &it.path("bad.json")]] {
        let args = [&["--key", &key, "--new-key", "-o", &new][..], &more, &["--", &log]].concat();
        let failed = run("redact", &args);
        assert_eq!(failed.status, 2, "{}", failed.stderr);
        assert!(!Path::new(&new).exists(), "{more:?}");
    }
}
