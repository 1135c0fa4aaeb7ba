//! Query strings as Cloud Controller parses them.

use crate::text::{decode, encode};

/// The parameters of a query, decoded, in order; one may come more than once.
#[derive(Debug, Clone)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// Returns the last value of `name`, as Rails does.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns the comma-separated values of `name`.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&str>> {
        Some(self.get(name)?.split(',').map(str::trim_start).collect())
    }

    /// Returns the operators and values of `name[operator]=value`.
    pub(super) fn operators<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(n, value)| {
            let operator = n.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            Some((operator, value.as_str()))
        })
    }

    /// Returns the parameters that are not in `known`, whatever their operators.
    pub(super) fn unknown(&self, known: &[&str]) -> Vec<&str> {
        let names = self.0.iter().map(|(name, _)| name.split('[').next().unwrap_or(name));
        names.filter(|name| !known.contains(name)).collect()
    }

    /// Returns a whole number within the limits, or `default`; `Err` if it is something else.
    pub(super) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, ()> {
        match self.get(name).map(str::parse) {
            None => Ok(default),
            Some(Ok(n)) if (1..=most).contains(&n) => Ok(n),
            Some(_) => Err(()),
        }
    }

    /// Returns the query with the page set, for a link to that page.
    pub(super) fn with_page(&self, page: usize, name: &str, size: usize) -> String {
        let rest = self.0.iter().filter(|(n, _)| n != "page" && n != name);
        rest.map(|(n, v)| format!("{}={}", encode(n), encode(v)))
            .chain([format!("page={page}"), format!("{name}={size}")])
            .collect::<Vec<_>>()
            .join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_links_encoded() {
        let query = Query::parse("q=actee%20IN+a%2Cb&page=3&q=type:x&bad=%zz%4");
        assert_eq!(query.all("q").collect::<Vec<_>>(), ["actee IN a,b", "type:x"]);
        assert_eq!(query.get("bad"), Some("%zz%4"));
        assert_eq!(
            query.with_page(4, "per_page", 50),
            "q=actee%20IN%20a%2Cb&q=type%3Ax&bad=%25zz%254&page=4&per_page=50"
        );
        assert_eq!(query.number("page", 1, 2), Err(()));
    }
}
