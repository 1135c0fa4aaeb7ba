//! Indented documents behind a prefix on each line.

use asg_core::record::documents;
use asg_core::{Origin, SourceId};

use super::outputs;

const HANDLE: &str = "d538d169-f2f6-4587-77b1-f00d";
const CELL: &str = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea";

/// Documents as `jq .` prints them: of silk's store, and of `cfdot`.
const DOCUMENTS: [&str; 3] = [
    r#"{
  "d538d169-f2f6-4587-77b1-f00d": {
    "handle": "d538d169-f2f6-4587-77b1-f00d",
    "ip": "10.255.15.7",
    "metadata": {
      "app_id": "4ccbb24c-268e-421a-9d1b-3678b6eb40d0"
    }
  }
}"#,
    r#"{
  "process_guid": "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-604bd59e-4139-4734-a3be-4e97836eb000",
  "index": 0,
  "domain": "cf-apps",
  "instance_guid": "d538d169-f2f6-4587-77b1-f00d",
  "cell_id": "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea",
  "instance_address": "10.255.15.7",
  "state": "RUNNING"
}"#,
    r#"[
  {
    "task_guid": "d538d169-f2f6-4587-77b1-f00d",
    "domain": "cf-tasks",
    "cell_id": "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea"
  }
]"#,
];

type Prefix = fn(usize) -> String;

/// The prefixes that tools print, each with the machine that it names.
const TOOLS: [(&str, Prefix, Option<&str>); 18] = [
    ("none", |_| String::new(), None),
    ("blanks", |_| "    ".into(), None),
    ("tab", |_| "\t".into(), None),
    ("bosh ssh", |_| format!("diego-cell/{CELL}: stdout | "), Some(CELL)),
    ("pdsh", |_| "cell-1: ".into(), Some("cell-1")),
    ("docker compose", |_| "cell-1  | ".into(), None),
    ("quote", |_| "> ".into(), None),
    ("cat -n", |n| format!("{:6}\t", n + 8), None),
    ("grep -n", |n| format!("{}:", n + 8), None),
    ("grep -n over files", |n| format!("store.json:{}:", n + 8), None),
    ("CRI", |n| format!("2024-05-06T07:08:{:02}.400512000Z stdout F ", n + 8), None),
    ("kubectl --timestamps", |n| format!("2024-05-06T07:08:{:02}.400512000Z ", n + 8), None),
    ("kubectl --prefix", |_| "[pod/cell-0/rep] ".into(), None),
    ("kubectl, both", |n| format!("[pod/cell-0/rep] 2024-05-06T07:08:{:02}.4005Z ", n + 8), None),
    ("a user's indent", |_| "  \t ".into(), None),
    ("stern", |_| "cell-0 rep ".into(), None),
    ("parallel --tag", |_| "cell-1\t".into(), Some("cell-1")),
    ("grep -H", |_| "store.json:".into(), None),
];

/// The headers of apps, and of programs that a user may run.
const OTHERS: [Prefix; 4] = [
    |n| format!("   2024-05-06T07:08:{:02}.40+0000 [APP/PROC/WEB/0] OUT ", n + 8),
    |n| format!("2024-05-06T07:08:{:02}.40+0000 [APP/PROC/WEB/0] OUT ", n + 8),
    |n| format!("May  6 07:08:{:02} cell-1 my-app[7]: ", n + 8),
    |n| format!("<14>1 2024-05-06T07:08:{:02}Z cell-1 my-app 7 - - ", n + 8),
];

fn prefixed(document: &str, prefix: Prefix) -> String {
    document.lines().enumerate().map(|(n, line)| format!("{}{line}\n", prefix(n))).collect()
}

#[test]
fn an_indented_document_is_read_behind_each_tools_prefix() {
    for (name, prefix, cell) in TOOLS {
        for document in DOCUMENTS {
            let text = prefixed(document, prefix);
            let found = outputs(text.as_bytes());
            assert_eq!(found[0]["kind"], "rep", "{name}: {found:?}\n{text}");
            let rep = &found[0]["rep"];
            let handle = [&rep["handle"], &rep["instance_guid"]];
            assert!(handle.iter().any(|it| **it == HANDLE), "{name}: {rep}");
            assert_eq!(found[0]["cell"].as_str(), cell, "{name}");
            assert!(found[1..].iter().all(|it| it["part_of"] == 1), "{name}: {found:?}");
        }
    }
}

#[test]
fn an_indented_document_of_an_apps_proves_nothing() {
    for prefix in OTHERS {
        for document in DOCUMENTS {
            let text = prefixed(document, prefix);
            let found = outputs(text.as_bytes());
            assert!(found.iter().all(|it| it["kind"] == "other"), "{found:?}\n{text}");
        }
    }
}

#[test]
fn a_prompt_may_stand_before_a_document() {
    for prompt in ["$ ", "# ", "vcap@cell-1:~$ ", "[root@cell-1 ~]# ", "cell/0455ec2b:~$ "] {
        for document in DOCUMENTS {
            let found = outputs(format!("{prompt}{document}\n{prompt}exit\n").as_bytes());
            assert_eq!(found[0]["kind"], "rep", "{prompt}: {found:?}");
            let (last, parts) = found[1..].split_last().unwrap();
            assert!(parts.iter().all(|it| it["part_of"] == 1), "{prompt}: {found:?}");
            assert_eq!(last["part_of"], serde_json::Value::Null);
        }
    }
    let origin = Origin { source: SourceId(0), line: 1 };
    for prompt in ["", "$ ", "vcap@cell-1:~$ "] {
        let (text, mut found) = (format!("{}{prompt}", DOCUMENTS[0]), 0);
        documents::evidence(text.as_bytes(), origin, |_| found += 1).unwrap();
        assert_eq!(found, 1, "{prompt}");
    }
    for other in ["a prompt$ ", "x# y ", "server "] {
        let found = outputs(format!("{other}{}\n", DOCUMENTS[0]).as_bytes());
        assert!(found.iter().all(|it| it["kind"] == "other"), "{other}: {found:?}");
    }
}
