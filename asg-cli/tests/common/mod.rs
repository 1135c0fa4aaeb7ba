//! Helpers of the program's tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// The program.
pub(crate) const ASGLOG: &str = env!("CARGO_BIN_EXE_asglog");

/// How a program ended.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as JSON Lines.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let object =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(object).collect()
    }
}

/// Runs a command of the program without this machine's configuration.
pub(crate) fn run(command: &str, args: &[&str]) -> Run {
    run_with(command, args, &[], b"")
}

/// As [`run`], with environment variables and standard input.
pub(crate) fn run_with(command: &str, args: &[&str], env: &[(&str, &str)], stdin: &[u8]) -> Run {
    let mut child = Command::new(ASGLOG)
        .arg(command)
        .args(args)
        .env_remove("HOME")
        .env_remove("CF_HOME")
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = stdin.to_vec();
    // A program that reads no input closes the pipe.
    let feeder = std::thread::spawn(move || drop(pipe.write_all(&input)));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Run {
        status: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// A home in which the cf CLI is logged in.
pub(crate) struct CfHome(tempfile::TempDir);

impl CfHome {
    pub(crate) fn new(target: &str, token: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(home.0.path().join(".cf")).unwrap();
        let config = json!({"ConfigVersion": 4, "Target": target, "AccessToken": token});
        std::fs::write(home.file(), config.to_string()).unwrap();
        home
    }

    /// Changes the file as a later login does.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut config = serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap();
        change(&mut config);
        std::fs::write(self.file(), config.to_string()).unwrap();
    }

    pub(crate) fn env(&self) -> (&str, &str) {
        ("CF_HOME", self.0.path().to_str().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join(".cf/config.json")
    }
}

/// The space of the apps in `data/foundation.log`.
pub(crate) const PROD: &str = "0b1c2d3e-4f50-4617-8a29-3b4c5d6e7f80";

/// Writes a page of the apps in the space [`PROD`], as `cf curl` saves it.
pub(crate) fn apps(folder: &Path) -> String {
    let app = |guid: &str, name: &str| {
        json!({
            "guid": guid, "name": name, "lifecycle": {},
            "relationships": { "space": { "data": { "guid": PROD } } },
            "links": { "self": { "href": format!("https://api.example.org/v3/apps/{guid}") } }
        })
    };
    let apps = [
        app("bc6f229d-5e4a-4c41-a63f-e8795496c283", "storefront"),
        app("d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6", "orders"),
        app("e91d0c8b-7a6f-4b5e-8d4c-3b2a1f0e9d8c", "mailer"),
        app("a3f5e7d9-1b2c-4d3e-8f40-516273849a5b", "pinger"),
    ];
    let page = json!({ "pagination": { "total_results": 4, "next": null }, "resources": apps });
    let path = folder.join("apps.json");
    std::fs::write(&path, page.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Returns a file of this package.
pub(crate) fn here(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).to_str().unwrap().to_owned()
}

/// Returns a file of asg-core's fixtures.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../asg-core/fixtures").join(path)
}

/// Panics unless each object is as the schema has it. Schemas of policy answers are asg-core's.
pub(crate) fn assert_schema(schema: &str, objects: &[Value]) {
    let own = here(&format!("schemas/{schema}.schema.json"));
    let of_core = here(&format!("../asg-core/schemas/{schema}.schema.json"));
    let text = std::fs::read_to_string(own).or_else(|_| std::fs::read_to_string(of_core)).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    for object in objects {
        let errors: Vec<_> = validator
            .iter_errors(object)
            .map(|e| format!("{e} at {}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{object:#}");
    }
}

/// Returns a token whose claims can be read; nobody checks its signature here.
pub(crate) fn jwt(scope: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encode = |text: &str| -> String {
        let bits = |group: &[u8]| {
            let number =
                group.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - group.len()));
            (0..=group.len())
                .map(move |n| char::from(DIGITS[(number >> (18 - 6 * n) & 63) as usize]))
        };
        text.as_bytes().chunks(3).flat_map(bits).collect()
    };
    let claims = json!({"scope": [scope], "exp": 4_102_444_800_u64}).to_string();
    format!("{}.{}.{}", encode(r#"{"alg":"none"}"#), encode(&claims), encode("signature"))
}
