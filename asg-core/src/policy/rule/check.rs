//! Cloud Controller's two validators of a rule.

use serde_json::{Map, Value};

use super::address::{Destination, Grammar};
use super::error::{Key, RuleError, Why};
use super::ports::Ports;

/// The settings of a Cloud Controller that decide which rules it accepts.
///
/// The default is Cloud Controller's own; cf-deployment enables lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct ValidatorSettings {
    /// `enable_ipv6`: IPv6 destinations and the protocol `icmpv6`.
    pub ipv6: bool,
    /// `security_groups.enable_comma_delimited_destinations`: lists of destinations in one rule.
    pub lists: bool,
    /// The grammar of destinations.
    pub grammar: Grammar,
}

/// The objections of the two validators of a Cloud Controller.
///
/// Requests to v3 pass both; v2, and old rows in the database, have met only the second.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Verdicts {
    /// The message validator's (`app/messages/validators/security_group_rule_validator.rb`).
    pub message: Vec<RuleError>,
    /// The model validator's (`lib/cloud_controller/rule_validator.rb` and its subclasses).
    pub model: Vec<RuleError>,
}

impl Verdicts {
    /// Returns whether a request to v3 with this rule is accepted.
    ///
    /// ```
    /// use asg_core::policy::{ValidatorSettings, check};
    /// let rule = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}"#;
    /// assert!(check(rule, ValidatorSettings::default()).is_accepted());
    /// ```
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.message.is_empty() && self.model.is_empty()
    }
}

/// Validates one rule, in JSON, as a Cloud Controller with these settings does
/// (`cloud_controller_ng`, API 3.228.0).
///
/// ```
/// use asg_core::policy::{Key, ValidatorSettings, Why, check};
///
/// let rule = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"80","log":null}"#;
/// let verdicts = check(rule, ValidatorSettings::default());
/// assert!(verdicts.message.is_empty(), "the two do not always agree");
/// assert_eq!((&verdicts.model[0].key, verdicts.model[0].why), (&Key::Log, Why::NotABoolean));
/// ```
#[must_use]
pub fn check(json: &[u8], settings: ValidatorSettings) -> Verdicts {
    if let Ok(Value::Object(rule)) = serde_json::from_slice(json) {
        Verdicts { message: message(&rule, settings), model: model(&rule, settings) }
    } else {
        let errors = vec![RuleError { key: Key::Rule, why: Why::NotAnObject }];
        Verdicts { message: errors.clone(), model: errors }
    }
}

/// The maximum number of destinations (`MAX_DESTINATIONS_PER_RULE`).
const MOST_DESTINATIONS: usize = 6000;
const ALL_KEYS: [&str; 7] =
    ["protocol", "destination", "ports", "type", "code", "log", "description"];

/// Returns the keys that the model validator of a protocol requires, beside `protocol` and
/// `destination`.
fn required(protocol: &str) -> Option<&'static [&'static str]> {
    match protocol {
        "tcp" | "udp" => Some(&["ports"]),
        "icmp" | "icmpv6" => Some(&["code", "type"]),
        "all" => Some(&[]),
        _ => None,
    }
}

/// Returns a value that is "present" in Ruby: anything but `nil` and `false`.
fn present<'a>(rule: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    rule.get(key).filter(|value| !matches!(value, Value::Null | Value::Bool(false)))
}

fn message(rule: &Map<String, Value>, settings: ValidatorSettings) -> Vec<RuleError> {
    let mut errors = Vec::new();
    let mut object = |key, why| errors.push(RuleError { key, why });
    for key in rule.keys().filter(|key| !ALL_KEYS.contains(&key.as_str())) {
        object(Key::named(key), Why::NotAllowed);
    }
    let protocol = rule.get("protocol").and_then(Value::as_str).unwrap_or_default();
    if required(protocol).is_none() {
        object(Key::Protocol, Why::UnknownProtocol);
    }
    match rule.get("destination") {
        None | Some(Value::Null) => object(Key::Destination, Why::Missing),
        Some(Value::String(text)) => {
            if let Err(why) = message_destination(text, protocol, settings) {
                object(Key::Destination, why);
            }
        }
        Some(_) => object(Key::Destination, Why::NotAString),
    }
    if present(rule, "description").is_some_and(|value| !value.is_string()) {
        object(Key::Description, Why::NotAString);
    }
    if present(rule, "log").is_some_and(|value| !value.is_boolean()) {
        object(Key::Log, Why::NotABoolean);
    }
    match protocol {
        "tcp" | "udp" => match present(rule, "ports") {
            None => object(Key::Ports, Why::Missing),
            Some(ports) if !are_ports(ports) => object(Key::Ports, Why::NotPorts),
            Some(_) => {}
        },
        "icmp" | "icmpv6" => {
            if protocol == "icmpv6" && !settings.ipv6 {
                object(Key::Protocol, Why::Ipv6NotEnabled);
            }
            for (name, key) in [("code", Key::Code), ("type", Key::Type)] {
                match present(rule, name) {
                    None => object(key, Why::Missing),
                    Some(value) if icmp_number(value).is_none() => {
                        object(key, Why::NotAnIcmpNumber);
                    }
                    Some(_) => {}
                }
            }
        }
        "all" if present(rule, "ports").is_some() => object(Key::Ports, Why::NotAllowed),
        _ => {}
    }
    errors
}

fn message_destination(text: &str, protocol: &str, settings: ValidatorSettings) -> Result<(), Why> {
    // In Ruby the empty text splits into an empty list of destinations, so the message validator
    // accepts it.
    if text.is_empty() {
        return Ok(());
    }
    if text.contains(|c: char| c.is_ascii_whitespace() || c == '\u{b}') {
        return Err(Why::Whitespace);
    }
    if text.contains(',') && !settings.lists {
        return Err(Why::ListNotEnabled);
    }
    if text.split(',').count() > MOST_DESTINATIONS {
        return Err(Why::TooMany);
    }
    for part in text.split(',') {
        let destination = Destination::parse(part, settings.ipv6, settings.grammar)?;
        let fits = match protocol {
            "icmp" => !destination.is_ipv6(),
            "icmpv6" => destination.is_ipv6(),
            _ => true,
        };
        if !fits {
            return Err(Why::WrongFamily);
        }
    }
    Ok(())
}

fn model(rule: &Map<String, Value>, settings: ValidatorSettings) -> Vec<RuleError> {
    let error = |key, why| RuleError { key, why };
    let protocol = rule.get("protocol").and_then(Value::as_str).unwrap_or_default();
    let Some(required) = required(protocol) else {
        return vec![error(Key::Protocol, Why::UnknownProtocol)];
    };
    let needed = ["protocol", "destination"].iter().chain(required);
    let missing = needed.clone().filter(|key| !rule.contains_key(**key));
    let mut errors: Vec<RuleError> =
        missing.map(|key| error(Key::named(key), Why::Missing)).collect();
    let known =
        |key: &&String| needed.clone().chain(&["log", "description"]).any(|known| known == key);
    let unknown = rule.keys().filter(|key| !known(key));
    errors.extend(unknown.map(|key| error(Key::named(key), Why::NotAllowed)));
    if !errors.is_empty() {
        return errors;
    }
    if let Err(why) = model_destination(&rule["destination"], settings) {
        errors.push(error(Key::Destination, why));
    }
    if rule.get("log").is_some_and(|value| !value.is_boolean()) {
        errors.push(error(Key::Log, Why::NotABoolean));
    }
    if rule.get("description").is_some_and(|value| !value.is_string()) {
        errors.push(error(Key::Description, Why::NotAString));
    }
    if !errors.is_empty() {
        return errors;
    }
    for key in required {
        let value = &rule[*key];
        match *key {
            "ports" if !are_ports(value) => errors.push(error(Key::Ports, Why::NotPorts)),
            "code" | "type" if icmp_number(value).is_none() => {
                errors.push(error(Key::named(key), Why::NotAnIcmpNumber));
            }
            _ => {}
        }
    }
    errors
}

fn model_destination(value: &Value, settings: ValidatorSettings) -> Result<(), Why> {
    let text = value.as_str().ok_or(Why::NotAString)?;
    if text.contains(',') && !settings.lists {
        return Err(Why::ListNotEnabled);
    }
    text.split(',')
        .try_for_each(|part| Destination::parse(part, settings.ipv6, settings.grammar).map(drop))
}

fn are_ports(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<Ports>().is_ok())
}

/// Returns a whole number from -1 to 255, also written as whole in JSON: `8.0` does not count.
pub(super) fn icmp_number(value: &Value) -> Option<i16> {
    value.as_i64().and_then(|n| i16::try_from(n).ok()).filter(|n| (-1..=255).contains(n))
}
