//! A rule as Cloud Controller stores it.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::rule::{Key, Rule, RuleError, Why};

/// A rule as Cloud Controller stores it: a JSON object with all its members.
///
/// Old rows violate newer checks, and cells interpret the words differently from Cloud Controller.
/// So the words are kept unchanged, and interpreted in three ways: [`rule`](Self::rule) is their
/// meaning to Cloud Controller, [`check`](super::check) whether one would accept them today, and
/// [`enforceable`](Self::enforceable) how a cell enforces them.
///
/// ```
/// use asg_core::policy::StoredRule;
///
/// let json = r#"{"description":null,"destination":"10.0.0.0/255.0.0.0","ports":"443","protocol":"tcp"}"#;
/// let stored = StoredRule::parse(json.as_bytes())?;
/// assert_eq!(stored.rule()?.to_string(), "tcp 10.0.0.0/8 443");
/// assert_eq!(stored.to_json(), json);
/// # Ok::<(), asg_core::policy::RuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredRule(Map<String, Value>);

/// Whether a value has the type that a key requires.
type Fits = fn(&Value) -> bool;

impl StoredRule {
    /// Parses a rule in JSON.
    ///
    /// # Errors
    ///
    /// If it is not an object, or a key that silk uses has a value of another type: Cloud
    /// Controller cannot have stored that. Null counts as left out.
    ///
    /// ```
    /// # use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}"#;
    /// let stored = StoredRule::parse(json).unwrap();
    /// assert!(stored.rule().is_ok());
    /// ```
    pub fn parse(json: &[u8]) -> Result<Self, RuleError> {
        Self::from_value(serde_json::from_slice(json).unwrap_or(Value::Null))
    }

    fn from_value(value: Value) -> Result<Self, RuleError> {
        let Value::Object(rule) = value else {
            return Err(RuleError { key: Key::Rule, why: Why::NotAnObject });
        };
        let text: (Why, Fits) = (Why::NotAString, Value::is_string);
        let number: (Why, Fits) = (Why::NotAnIcmpNumber, Value::is_i64);
        for (name, (why, fits)) in [
            ("protocol", text),
            ("destination", text),
            ("ports", text),
            ("description", text),
            ("type", number),
            ("code", number),
            ("log", (Why::NotABoolean, Value::is_boolean)),
        ] {
            if rule.get(name).is_some_and(|value| !value.is_null() && !fits(value)) {
                return Err(RuleError { key: Key::named(name), why });
            }
        }
        Ok(Self(rule))
    }

    /// Returns the rule as Cloud Controller means it, with the most permissive settings.
    ///
    /// # Errors
    ///
    /// The first reason why no Cloud Controller would accept it.
    ///
    /// ```
    /// # use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}"#;
    /// let stored = StoredRule::parse(json).unwrap();
    /// assert!(stored.rule().unwrap().contains("10.0.0.1".parse().unwrap()));
    /// ```
    pub fn rule(&self) -> Result<Rule, RuleError> {
        Rule::from_object(&self.0)
    }

    /// Returns the rule in JSON, with its keys in alphabetical order.
    ///
    /// ```
    /// # use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}"#;
    /// let stored = StoredRule::parse(json).unwrap();
    /// assert_eq!(StoredRule::parse(stored.to_json().as_bytes()).unwrap(), stored);
    /// ```
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "what was JSON is JSON")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("JSON that was read can be written")
    }

    /// Returns `protocol`, or the empty string.
    ///
    /// ```
    /// # use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}"#;
    /// let stored = StoredRule::parse(json).unwrap();
    /// assert_eq!(stored.protocol(), "tcp");
    /// ```
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.text("protocol")
    }

    /// Returns `destination`, or the empty string; several are divided by commas.
    ///
    /// ```
    /// # use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}"#;
    /// let stored = StoredRule::parse(json).unwrap();
    /// assert_eq!(stored.destination(), "10.0.0.1");
    /// ```
    #[must_use]
    pub fn destination(&self) -> &str {
        self.text("destination")
    }

    /// Returns `ports`, or the empty string.
    ///
    /// ```
    /// # use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}"#;
    /// let stored = StoredRule::parse(json).unwrap();
    /// assert_eq!(stored.ports(), "443");
    /// ```
    #[must_use]
    pub fn ports(&self) -> &str {
        self.text("ports")
    }

    /// Returns `log`, false if left out.
    ///
    /// ```
    /// # use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}"#;
    /// let stored = StoredRule::parse(json).unwrap();
    /// assert!(stored.log());
    /// ```
    #[must_use]
    pub fn log(&self) -> bool {
        self.0.get("log").and_then(Value::as_bool).unwrap_or_default()
    }

    /// Returns `type` as Go parses it, 0 if left out.
    ///
    /// ```
    /// use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"icmp","destination":"10.0.0.1","type":8,"code":0}"#;
    /// assert_eq!(StoredRule::parse(json)?.icmp_type(), 8);
    /// # Ok::<(), asg_core::policy::RuleError>(())
    /// ```
    #[must_use]
    pub fn icmp_type(&self) -> i64 {
        self.number("type")
    }

    /// Returns `code` as Go parses it, 0 if left out.
    ///
    /// ```
    /// use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"icmp","destination":"10.0.0.1","type":8,"code":3}"#;
    /// assert_eq!(StoredRule::parse(json)?.icmp_code(), 3);
    /// # Ok::<(), asg_core::policy::RuleError>(())
    /// ```
    #[must_use]
    pub fn icmp_code(&self) -> i64 {
        self.number("code")
    }

    /// Returns the description; empty if there is none.
    ///
    /// ```
    /// # use asg_core::policy::StoredRule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","description":"db"}"#;
    /// assert_eq!(StoredRule::parse(json).unwrap().description(), "db");
    /// ```
    #[must_use]
    pub fn description(&self) -> &str {
        self.text("description")
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> i64 {
        self.0.get(name).and_then(Value::as_i64).unwrap_or_default()
    }
}

impl From<&Rule> for StoredRule {
    fn from(rule: &Rule) -> Self {
        Self::parse(rule.to_json().as_bytes()).expect("a rule renders with the types it was read")
    }
}

impl Serialize for StoredRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
