//! Compares the crate's imports with a table of modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `src` from bottom to top, each with the modules that it calls.
const ROOMS: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("clock", &[]),
    ("file", &[]),
    ("secret", &[]),
    ("stop", &[]),
    ("transport", &[]),
    ("error", &["transport"]),
    ("token", &["error", "text"]),
    ("record", &["error", "text", "token", "transport"]),
    ("retry", &["clock", "error", "stop", "transport"]),
    ("adapter", &["retry", "secret", "transport"]),
    ("api", &["error", "text", "token"]),
    ("auth", &["api", "clock", "error", "secret", "text", "token", "transport"]),
    ("resolve", &["api", "clock", "error", "text"]),
    ("export", &["api", "error", "resolve", "text"]),
    ("cache", &["clock", "error", "file"]),
    ("layered", &["error"]),
    ("save", &["api", "error", "export", "file", "token"]),
    (
        "client",
        &[
            "adapter",
            "api",
            "auth",
            "clock",
            "error",
            "export",
            "resolve",
            "save",
            "stop",
            "text",
            "token",
            "transport",
        ],
    ),
    ("embedded", &["text", "transport"]),
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

/// Reads which modules each module names in its code, tests aside.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut rooms = BTreeMap::<String, BTreeSet<String>>::new();
    for path in all {
        let inside = path.strip_prefix(&src).unwrap();
        let parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        let room = parts[0].trim_end_matches(".rs").to_owned();
        if room == "lib" || parts.contains(&"tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        let called = rooms.entry(room.clone()).or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for (at, found) in line.match_indices("crate::") {
                let name = &line[at + found.len()..];
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
                let name = &name[..end.unwrap_or(name.len())];
                assert!(!name.is_empty(), "{}: import by module: {line}", inside.display());
                if name != room {
                    called.insert(name.to_owned());
                }
            }
        }
    }
    rooms
}

#[test]
fn every_room_calls_the_rooms_of_its_row_and_no_other() {
    let names = |callees: &[&str]| callees.iter().map(|name| (*name).to_owned()).collect();
    let table: BTreeMap<String, BTreeSet<String>> =
        ROOMS.iter().map(|(room, callees)| ((*room).to_owned(), names(callees))).collect();
    assert_eq!(imports(), table);
}

#[test]
fn every_row_calls_rows_above_it_only() {
    for (n, (room, callees)) in ROOMS.iter().enumerate() {
        for callee in *callees {
            let above = ROOMS[..n].iter().any(|(above, _)| above == callee);
            assert!(above, "`{room}` calls `{callee}`, which is not above it");
        }
    }
}
