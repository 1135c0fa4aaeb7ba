//! Holds the crate's imports to the table of rooms in DESIGN.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Rooms = BTreeMap<String, BTreeSet<String>>;

/// Reads the rows of DESIGN.md's table of rooms, from top to bottom: a room, and the rooms that it
/// may call.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let design = Path::new(env!("CARGO_MANIFEST_DIR")).join("../DESIGN.md");
    let design = fs::read_to_string(design).expect("DESIGN.md is beside the crate");
    let rows = design.lines().skip_while(|line| !line.starts_with("| room (`asg-core/src`)"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let quoted = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [room, .., callees] = cells.as_slice() else { panic!("a row of one cell: {row}") };
        let [room] = quoted(room).try_into().expect("a row describes one room");
        (room, quoted(callees).into_iter().collect())
    })
    .collect()
}

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

/// Reads which rooms each room names in its code, tests aside.
fn imports() -> Rooms {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut rooms = Rooms::new();
    for path in all {
        let inside = path.strip_prefix(&src).unwrap();
        let parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        let room = parts[0].trim_end_matches(".rs").to_owned();
        if room == "lib" || parts.iter().any(|part| part.trim_end_matches(".rs") == "tests") {
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
fn every_room_calls_only_the_rooms_that_the_design_allows() {
    let (table, imports) = (table(), imports());
    let allowed: Rooms = table.into_iter().collect();
    let names = |rooms: &Rooms| rooms.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&imports), names(&allowed), "the rooms of src and of DESIGN.md differ");
    for (room, called) in &imports {
        let extra: Vec<_> = called.difference(&allowed[room]).collect();
        assert!(extra.is_empty(), "`{room}` calls {extra:?}, which DESIGN.md does not allow");
        let unused: Vec<_> = allowed[room].difference(called).collect();
        assert!(unused.is_empty(), "DESIGN.md lets `{room}` call {unused:?}, and it does not");
    }
}

#[test]
fn no_room_calls_a_room_below_it_in_the_table() {
    let table = table();
    assert!(table.len() > 10, "the table of rooms was not found");
    for (n, (room, callees)) in table.iter().enumerate() {
        let above: BTreeSet<_> = table[..n].iter().map(|(room, _)| room).collect();
        for callee in callees {
            assert!(above.contains(callee), "`{room}` calls `{callee}`, which is not above it");
        }
    }
}
