//! The caller's names for networks and verdicts for log prefixes of other firewalls.

use std::net::IpAddr;
use std::path::Path;

use asg_core::Verdict;
use serde_json::Value;

use crate::error::Error;

/// The caller's names and verdicts.
///
/// ```
/// use asg_cli::labels::Labels;
///
/// let mut labels = Labels::default();
/// labels.add_networks("10.0.0.0/8,corp\n10.0.11.7,orders-db\n")?;
/// labels.add_prefixes("[UFW BLOCK],denied\n")?;
/// let name = |text: &str| labels.network(text.parse().unwrap()).map(|(name, _)| name);
/// assert_eq!(name("10.0.11.7"), Some("orders-db"));
/// assert_eq!(name("10.9.9.9"), Some("corp"));
/// assert_eq!(name("8.8.8.8"), None);
/// assert_eq!(labels.verdict("[UFW BLOCK] "), Some(asg_core::Verdict::Denied));
/// # Ok::<(), asg_cli::error::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// The longest first.
    networks: Vec<Network>,
    /// In the order of the file.
    prefixes: Vec<(String, Verdict)>,
}

#[derive(Debug, Clone)]
struct Network {
    bits: u128,
    mask: u128,
    is_v4: bool,
    is_host: bool,
    len: u32,
    name: Box<str>,
}

impl Labels {
    /// Adds names of networks from CSV (`network,name`) or JSON (an object of networks and names,
    /// or a list of objects with these members).
    ///
    /// # Errors
    ///
    /// [`Error::Value`] with the number of the row.
    pub fn add_networks(&mut self, text: &str) -> Result<(), Error> {
        for (n, network, name) in pairs(text, ["network", "name"])? {
            let found = Network::parse(&network, &name);
            let what = "is a network like 10.0.0.0/8 or an address, and not";
            let found = found.ok_or_else(|| {
                Error::Value(format!("row {n}: the first value {what} {network:?}"))
            })?;
            self.networks.push(found);
        }
        // Of two names for one network, the first counts.
        self.networks.sort_by_key(|network| std::cmp::Reverse(network.len));
        Ok(())
    }

    /// Adds verdicts for log prefixes from CSV (`pattern,verdict`) or JSON. A `*` in a pattern is
    /// any text, and blanks around are ignored. The first pattern that fits decides.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] with the number of the row.
    pub fn add_prefixes(&mut self, text: &str) -> Result<(), Error> {
        for (n, pattern, verdict) in pairs(text, ["pattern", "verdict"])? {
            let verdict = match &*verdict {
                "allowed" => Verdict::Allowed,
                "denied" => Verdict::Denied,
                other => {
                    let near = crate::nearest::hint(other, ["allowed", "denied"]);
                    let what = "the verdict is allowed or denied, and not";
                    return Err(Error::Value(format!("row {n}: {what} {other:?}{near}")));
                }
            };
            self.prefixes.push((pattern.trim().to_owned(), verdict));
        }
        Ok(())
    }

    /// Loads the files of `--networks` and `--prefixes`.
    pub(crate) fn load(
        networks: &[impl AsRef<Path>],
        prefixes: &[impl AsRef<Path>],
    ) -> Result<Self, Error> {
        let mut labels = Self::default();
        for path in networks.iter().map(AsRef::as_ref) {
            labels.add_networks(&file(path)?).map_err(|error| named(path, &error))?;
        }
        for path in prefixes.iter().map(AsRef::as_ref) {
            labels.add_prefixes(&file(path)?).map_err(|error| named(path, &error))?;
        }
        Ok(labels)
    }

    /// Returns the name of the smallest network that an address is in, and whether it is the
    /// address's own.
    #[must_use]
    pub fn network(&self, address: IpAddr) -> Option<(&str, bool)> {
        let (bits, is_v4) = bits(address);
        let mut all = self.networks.iter();
        let found = all.find(|it| it.is_v4 == is_v4 && bits & it.mask == it.bits)?;
        Some((&found.name, found.is_host))
    }

    /// Returns the verdict of a log prefix.
    #[must_use]
    pub fn verdict(&self, prefix: &str) -> Option<Verdict> {
        let prefix = prefix.trim();
        self.prefixes.iter().find(|(pattern, _)| fits(pattern, prefix)).map(|(_, verdict)| *verdict)
    }

    /// Returns whether there are neither names nor verdicts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.prefixes.is_empty()
    }

    /// Returns whether networks have names.
    #[must_use]
    pub fn has_networks(&self) -> bool {
        !self.networks.is_empty()
    }
}

impl Network {
    fn parse(text: &str, name: &str) -> Option<Self> {
        let (address, len) = match text.trim().split_once('/') {
            Some((address, len)) => (address, Some(len.parse::<u32>().ok()?)),
            None => (text.trim(), None),
        };
        let (bits, is_v4) = bits(address.parse().ok()?);
        let width = if is_v4 { 32 } else { 128 };
        let len = len.unwrap_or(width);
        let host = width.checked_sub(len)?;
        let mask = if host == 128 { 0 } else { u128::MAX << host };
        let name = name.trim().into();
        Some(Self { bits: bits & mask, mask, is_v4, is_host: host == 0, len, name })
    }
}

fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(ip) => (u32::from(ip).into(), true),
        IpAddr::V6(ip) => (ip.into(), false),
    }
}

fn file(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::file(path.display().to_string(), error))
}

fn named(path: &Path, error: &Error) -> Error {
    Error::Value(format!("{}: {error}", path.display()))
}

/// Returns whether a text is as a pattern has it. The time grows with both lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = &rest[at + before.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// Pairs with the numbers of their rows.
fn pairs(text: &str, heads: [&str; 2]) -> Result<Vec<(usize, String, String)>, Error> {
    let text = text.trim_start_matches('\u{feff}');
    // A pattern may begin with a bracket, too.
    let list = text.trim_start().strip_prefix('[');
    let is_list = list.is_some_and(|rest| rest.trim_start().starts_with(['{', ']']));
    if is_list || text.trim_start().starts_with('{') {
        return of_json(text, heads);
    }
    let mut found = Vec::new();
    for (n, row) in rows(text).into_iter().enumerate() {
        let is_head = n == 0 && row.first().is_some_and(|cell| cell.eq_ignore_ascii_case(heads[0]));
        let is_comment = row.first().is_some_and(|cell| cell.starts_with('#'));
        match &row[..] {
            [one] if one.is_empty() => {}
            _ if is_head || is_comment => {}
            [one, other] => found.push((n + 1, one.clone(), other.clone())),
            _ => {
                let [one, other] = heads;
                let what = format!("row {} has {} values, and not two", n + 1, row.len());
                return Err(Error::Value(format!("{what}: {one},{other}")));
            }
        }
    }
    Ok(found)
}

fn of_json(text: &str, heads: [&str; 2]) -> Result<Vec<(usize, String, String)>, Error> {
    let no_pairs = |n: usize| {
        let [one, other] = heads;
        Error::Value(format!("row {n} is no object with the texts {one:?} and {other:?}"))
    };
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Error::Value(format!("this is no JSON: {error}")))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        Value::Object(all) => {
            let pair = |(n, (one, other)): (usize, (&String, &Value))| {
                Some((n + 1, one.clone(), text(other)?))
            };
            let all = all.iter().enumerate();
            all.map(|item| pair(item).ok_or_else(|| no_pairs(item.0 + 1))).collect()
        }
        Value::Array(all) => {
            let pair = |(n, item): (usize, &Value)| {
                Some((n + 1, text(&item[heads[0]])?, text(&item[heads[1]])?))
            };
            let all = all.iter().enumerate();
            all.map(|item| pair(item).ok_or_else(|| no_pairs(item.0 + 1))).collect()
        }
        _ => Err(no_pairs(1)),
    }
}

/// Returns the cells of CSV.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let row = rows.last_mut().expect("there is a row from the start");
        let cell = row.last_mut().expect("a row has a cell from its start");
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' if is_quoted || cell.trim().is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(String::new()),
            '\n' if !is_quoted => rows.push(vec![String::new()]),
            '\r' if !is_quoted => {}
            letter => cell.push(letter),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_network_names_an_address() {
        let mut labels = Labels::default();
        labels
            .add_networks("network,name\n# ours\n0.0.0.0/0,all\n10.0.11.0/24,\"db, old\"\r\n10.0.11.7/32,db\nfd00::/8,six\n\n")
            .unwrap();
        let name = |text: &str| labels.network(text.parse().unwrap());
        assert_eq!(name("10.0.11.7"), Some(("db", true)));
        assert_eq!(name("10.0.11.8"), Some(("db, old", false)));
        assert_eq!(name("8.8.8.8"), Some(("all", false)));
        assert_eq!((name("fd12::1"), name("fe80::1")), (Some(("six", false)), None));
        let mut json = Labels::default();
        json.add_networks(r#"{"10.0.0.0/8":"corp"}"#).unwrap();
        json.add_networks(r#"[{"network":"10.0.0.1","name":"one"}]"#).unwrap();
        assert_eq!(json.network("10.0.0.1".parse().unwrap()), Some(("one", true)));
        assert_eq!(json.network("10.0.0.2".parse().unwrap()), Some(("corp", false)));
    }

    #[test]
    fn a_pattern_may_have_stars_anywhere() {
        for (pattern, text, expected) in [
            ("[UFW BLOCK]", "[UFW BLOCK]", true),
            ("[UFW BLOCK]", "[UFW BLOCK] x", false),
            ("Shorewall:*:DROP:", "Shorewall:net-fw:DROP:", true),
            ("Shorewall:*:DROP:", "Shorewall:net-fw:ACCEPT:", false),
            ("*REJECT*", "FINAL_REJECT:", true),
            ("*", "", true),
            ("", "", true),
            ("a*a", "a", false),
            ("a*b*c", "aXbXbc", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_wrong_row_is_named() {
        let error = |text: &str, is_network: bool| {
            let mut labels = Labels::default();
            let result =
                if is_network { labels.add_networks(text) } else { labels.add_prefixes(text) };
            result.unwrap_err().to_string()
        };
        assert!(error("10.0.0.0/8,a\n10.0.0.0/33,b", true).contains("row 2"));
        assert!(error("10.0.0.0/8", true).contains("has 1 values"));
        assert!(error("x,drop", false).contains("did you mean `denied`?"));
        assert!(error("{", true).contains("no JSON"));
        assert!(error("[1]", true).contains("row 1"));
    }
}
