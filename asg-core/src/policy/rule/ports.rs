//! Ports of a rule.

use std::fmt;
use std::str::FromStr;

use super::address::split;
use super::error::Why;

/// The destination ports of a rule for TCP or UDP: some ports, or a range of them.
///
/// The spelling is that of Cloud Controller (`TransportRuleValidator`, API 3.228.0): blanks, and a
/// comma at the end, are allowed; a list contains no ranges, and a range has at least two ports.
///
/// ```
/// use asg_core::policy::Ports;
///
/// let ports: Ports = "443, 80,".parse()?;
/// assert!(ports.contains(80) && !ports.contains(81));
/// assert_eq!(ports.to_string(), "443,80");
/// assert!("8000 - 9000".parse::<Ports>()?.contains(8080));
/// assert!("80,443-445".parse::<Ports>().is_err());
/// # Ok::<(), asg_core::policy::Why>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ports(Form);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Form {
    /// At least one, none of them 0, in the order of the rule.
    List(Vec<u16>),
    /// The first and the last, which is greater; neither is 0.
    Range(u16, u16),
}

impl Ports {
    /// Returns whether the port is one of these.
    ///
    /// ```
    /// use asg_core::policy::Ports;
    /// let ports: Ports = "443,8080".parse()?;
    /// assert!(ports.contains(8080) && !ports.contains(80));
    /// # Ok::<(), asg_core::policy::Why>(())
    /// ```
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        match &self.0 {
            Form::List(ports) => ports.contains(&port),
            Form::Range(first, last) => (*first..=*last).contains(&port),
        }
    }

    /// Returns the ports as ranges, from first to last, in the order of the rule; a single port is
    /// both.
    ///
    /// ```
    /// use asg_core::policy::Ports;
    /// let ports: Ports = "8000-8999".parse()?;
    /// assert_eq!(ports.ranges().collect::<Vec<_>>(), [(8000, 8999)]);
    /// # Ok::<(), asg_core::policy::Why>(())
    /// ```
    pub fn ranges(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let (list, range) = match &self.0 {
            Form::List(ports) => (ports.as_slice(), None),
            Form::Range(first, last) => (&[][..], Some((*first, *last))),
        };
        list.iter().map(|port| (*port, *port)).chain(range)
    }
}

impl FromStr for Ports {
    type Err = Why;

    fn from_str(text: &str) -> Result<Self, Why> {
        parse(text).map(Self).ok_or(Why::NotPorts)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Range(first, last) => write!(f, "{first}-{last}"),
            Form::List(ports) => {
                for (n, port) in ports.iter().enumerate() {
                    write!(f, "{}{port}", if n == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

fn parse(text: &str) -> Option<Form> {
    if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (port(first)?, port(last)?);
        return (first < last).then_some(Form::Range(first, last));
    }
    let ports = split(text, ',').into_iter().map(port).collect::<Option<Vec<u16>>>()?;
    (!ports.is_empty()).then_some(Form::List(ports))
}

/// Parses digits between blanks; 1 to 65535, perhaps with zeros before it.
fn port(text: &str) -> Option<u16> {
    let digits = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_taken_as_the_validator_takes_them() {
        for (text, plain) in [
            ("80", "80"),
            (" 80 ", "80"),
            ("80, 443", "80,443"),
            ("80,", "80"),
            ("80,,", "80"),
            ("080", "80"),
            ("443,80,8080", "443,80,8080"),
            ("80 - 90", "80-90"),
            ("1-65535", "1-65535"),
        ] {
            assert_eq!(
                text.parse::<Ports>().map(|p| p.to_string()).as_deref(),
                Ok(plain),
                "{text}"
            );
        }
        for text in [
            "",
            ",",
            ",80",
            "80,,443",
            "0",
            "65536",
            "80-80",
            "90-80",
            "0-65535",
            "80-90-100",
            "80-",
            "80,443-445",
            "8 0",
            "http",
            "80;443",
            "-80",
            "+80",
        ] {
            assert_eq!(text.parse::<Ports>(), Err(Why::NotPorts), "{text}");
        }
    }

    #[test]
    fn ranges_say_what_contains_says() {
        for text in ["80,443,80", "8000-8003"] {
            let ports: Ports = text.parse().unwrap();
            for port in 0..=u16::MAX {
                let within = ports.ranges().any(|(first, last)| (first..=last).contains(&port));
                assert_eq!(ports.contains(port), within, "{text} {port}");
            }
        }
    }
}
