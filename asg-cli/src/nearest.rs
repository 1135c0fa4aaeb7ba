//! The word that was probably meant.

/// Words that other tools have for ours.
const SYNONYMS: [(&str, &str); 34] = [
    ("action", "verdict"),
    ("allow", "allowed"),
    ("app_id", "app_guid"),
    ("bits", "bytes"),
    ("block", "denied"),
    ("blocked", "denied"),
    ("cell_id", "cell"),
    ("check-logs", "check"),
    ("container_id", "handle"),
    ("deny", "denied"),
    ("dest", "dst"),
    ("destination_ip", "dst"),
    ("destination_port", "dpt"),
    ("dip", "dst"),
    ("dport", "dpt"),
    ("drop", "denied"),
    ("dropped", "denied"),
    ("dst_ip", "dst"),
    ("dst_port", "dpt"),
    ("dstport", "dpt"),
    ("instance", "index"),
    ("ip", "address"),
    ("organization", "org"),
    ("protocol", "proto"),
    ("sip", "src"),
    ("source_ip", "src"),
    ("source_port", "spt"),
    ("sport", "spt"),
    ("src_ip", "src"),
    ("src_port", "spt"),
    ("srcport", "spt"),
    ("timestamp", "time"),
    ("ts", "time"),
    ("zone", "tz"),
];

/// Returns the word that is nearest to another: one that other tools have for it, one that begins
/// so, or one that few letters make of it.
///
/// ```
/// use asg_cli::nearest::nearest;
///
/// let words = ["time", "dpt", "verdict"];
/// assert_eq!(nearest("verdikt", words), Some("verdict"));
/// assert_eq!(nearest("dport", words), Some("dpt"));
/// assert_eq!(nearest("colour", words), None);
/// ```
pub fn nearest<'w>(word: &str, among: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let among: Vec<_> = among.into_iter().collect();
    let asked = word.to_lowercase();
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == asked).map(|(_, ours)| *ours);
    if let Some(known) = synonym.and_then(|ours| among.iter().find(|known| **known == ours)) {
        return Some(known);
    }
    let is_beginning = |known: &&&str| asked.len() > 1 && known.starts_with(&asked);
    let mut beginnings = among.iter().filter(is_beginning);
    if let (Some(known), None) = (beginnings.next(), beginnings.next()) {
        return Some(known);
    }
    let most = (asked.chars().count() / 3).max(1);
    let distances = among.iter().map(|known| (distance(&asked, &known.to_lowercase()), *known));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, known)| known)
}

/// Returns `; did you mean …?` if a word is near enough.
pub(crate) fn hint<'w>(word: &str, among: impl IntoIterator<Item = &'w str>) -> String {
    nearest(word, among).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Returns how many letters must be changed, added, left out or swapped with their neighbours.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<_>, Vec<_>) = (one.chars().collect(), other.chars().collect());
    // A word that long is nothing that somebody mistyped.
    if one.len() > 64 || other.len() > 64 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (n, row) in rows.iter_mut().enumerate() {
        row[0] = n;
    }
    rows[0] = (0..=other.len()).collect();
    for n in 1..=one.len() {
        for m in 1..=other.len() {
            let changed = rows[n - 1][m - 1] + usize::from(one[n - 1] != other[m - 1]);
            let mut least = changed.min(rows[n - 1][m] + 1).min(rows[n][m - 1] + 1);
            if n > 1 && m > 1 && one[n - 1] == other[m - 2] && one[n - 2] == other[m - 1] {
                least = least.min(rows[n - 2][m - 2] + 1);
            }
            rows[n][m] = least;
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_has_a_nearest_word_and_nonsense_has_none() {
        let commands = ["parse", "correlate", "demo", "top", "who"];
        for (typed, meant) in [
            ("corelate", Some("correlate")),
            ("corr", Some("correlate")),
            ("CORRELATE", Some("correlate")),
            ("prase", Some("parse")),
            ("tpo", Some("top")),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, commands), meant, "{typed}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), commands), None);
        assert_eq!(hint("deny", ["allowed", "denied"]), "; did you mean `denied`?");
    }
}
