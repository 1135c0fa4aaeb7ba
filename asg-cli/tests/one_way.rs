//! There is one way from a line to a flow: nothing else in the program or the Python package goes
//! over the lines of a log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files that divide bytes into lines, and why each may.
const DIVIDES: [(&str, &str); 9] = [
    ("asg-cli/src/blocks.rs", "finds the ends of blocks"),
    ("asg-cli/src/follow/pipe.rs", "feeds the follower from a pipe"),
    ("asg-cli/src/follow/tail.rs", "feeds the follower from a file"),
    (
        "asg-cli/src/input/mod.rs",
        "reads lines for callers with a loop of their own: a public function",
    ),
    ("asg-cli/src/main.rs", "reads the status of its own process"),
    ("asg-cli/src/pieces.rs", "feeds the pipeline"),
    ("asg-cli/src/program/explain.rs", "reads questions about packets, which are no log"),
    ("asg-cli/src/explain/sources.rs", "looks whether a file of security groups is a log"),
    ("asg-cli/src/query/saved_lines.rs", "reads saved flows, which are no log"),
];

/// The code that divides bytes into lines.
const MARKS: [&str; 6] = [
    "Lines::new(",
    "Lines::within(",
    ".lines()",
    "read_until(",
    "split(|b| *b == b'\\n')",
    "read_line(",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_loop_over_lines_stands_outside_the_pipeline() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut all = Vec::new();
    for folder in ["asg-cli/src", "asg-py/src"] {
        files(&root.join(folder), &mut all);
    }
    assert!(all.len() > 60, "the sources were not found");
    let mut found = BTreeMap::new();
    for path in all {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        // `RecordLines` writes lines.
        let is_mark = |line: &&str| {
            let line = line.replace("RecordLines::new(", "");
            MARKS.iter().any(|mark| line.contains(mark))
        };
        let marks = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let marks: Vec<_> = marks.filter(is_mark).collect();
        if !marks.is_empty() && !name.contains("/tests") {
            found.insert(name, marks.join("\n"));
        }
    }
    let allowed: Vec<_> = DIVIDES.iter().map(|(name, _)| *name).collect();
    for (name, marks) in &found {
        assert!(allowed.contains(&name.as_str()), "{name} goes over lines by itself:\n{marks}");
    }
    for (name, why) in DIVIDES {
        assert!(found.contains_key(name), "{name} no longer {why}: take it off the list");
    }
}
