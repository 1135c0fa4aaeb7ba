//! The words for reasons: the schema and the changelog have those of the table, and no others.

use std::path::Path;

use asg_core::ledger::Reason;

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(name)).unwrap()
}

#[test]
fn the_schema_lists_every_reason() {
    let schema: serde_json::Value =
        serde_json::from_str(&file("asg-cli/schemas/correlate.schema.json")).unwrap();
    let listed = &schema["properties"]["attribution"]["properties"]["reason"]["enum"];
    let listed: Vec<_> = listed.as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
    assert_eq!(listed, Reason::ALL.map(Reason::as_str));
}

#[test]
fn the_changelog_lists_every_word_that_is_new() {
    let changelog = file("CHANGELOG.md");
    for reason in Reason::ALL.into_iter().filter(|it| it.old_word() != Some(it.as_str())) {
        let before = reason.old_word().map_or("new".to_owned(), |old| format!("`{old}`"));
        let row = format!("| `{}` | {before} |", reason.as_str());
        assert!(changelog.contains(&row), "{row}");
    }
}
