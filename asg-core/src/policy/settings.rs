//! How cells enforce rules: the profile, and the operator's settings.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer};

use super::go::{self, AddressRange};
use super::input;
use crate::error::Error;
use crate::words::words;

/// The program that puts the rules into the kernel, and its source of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// silk, which takes the rules from the policy server: the default since cf-networking 3.0.0
    /// (2022).
    #[default]
    SilkDynamic,
    /// silk, with the rules that Cloud Controller gave to Diego when the app was started.
    SilkStatic,
    /// guardian by itself, with the rules that Cloud Controller gave to Diego.
    Guardian,
}

words! {
    "policy" Profile "a profile" {
        SilkDynamic = "silk_dynamic", SilkStatic = "silk_static", Guardian = "guardian",
    }
}

impl Profile {
    /// Returns whether the rules are those of the moment when the process version was desired.
    ///
    /// ```
    /// use asg_core::policy::Profile;
    /// assert!(Profile::SilkStatic.is_static() && !Profile::SilkDynamic.is_static());
    /// ```
    #[must_use]
    pub const fn is_static(self) -> bool {
        !matches!(self, Self::SilkDynamic)
    }
}

/// Whether the order of groups is known where the database decides it.
///
/// The dynamic profile takes its order from the listing. The static ones get the groups from a
/// query without an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "it is known or not")]
pub enum GroupOrder {
    /// It is not known.
    #[default]
    Unknown,
    /// It is the order of the listing.
    Listed,
}

words! {
    "policy" GroupOrder "whether the order is known" {
        Unknown = "unknown", Listed = "listed",
    }
}

/// Networks that containers may not reach even if the rules allow it, as blocks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct DenyNetworks {
    /// For every container.
    #[serde(deserialize_with = "blocks")]
    pub always: Vec<Block>,
    /// For apps and tasks.
    #[serde(deserialize_with = "blocks")]
    pub running: Vec<Block>,
    /// For staging.
    #[serde(deserialize_with = "blocks")]
    pub staging: Vec<Block>,
}

/// A block of addresses and its spelling as Go prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Block {
    /// The network address and the length of the prefix.
    pub text: String,
    /// The addresses.
    pub range: AddressRange,
}

/// The limit on new connections, per container and destination (`outbound_connections` of
/// silk-cni).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct OutboundConnections {
    /// Whether the limit is on.
    pub limit: bool,
    /// Whether connections beyond it are logged; like `iptables_logging` if left out.
    pub logging: Option<bool>,
    /// Whether connections beyond it are only logged.
    pub dry_run: bool,
    /// Connections at once.
    pub burst: u32,
    /// Connections a second.
    pub rate: u32,
}

impl Default for OutboundConnections {
    fn default() -> Self {
        Self { limit: false, logging: None, dry_run: false, burst: 1000, rate: 100 }
    }
}

/// The settings of a foundation's cells, or of one cell.
///
/// Each has the default of its BOSH job.
///
/// ```
/// use asg_core::policy::{Profile, Settings};
///
/// let settings = Settings::default();
/// assert_eq!(settings.profile, Profile::SilkDynamic);
/// assert_eq!((settings.sync_tolerance, settings.denied_per_second), (120, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Settings {
    /// The way in which rules are enforced.
    pub profile: Profile,
    /// Whether the order of groups is known in the static profiles.
    pub group_order: GroupOrder,
    /// Whether every allowed and denied packet is logged. `None` if it is not known; then rules are
    /// evaluated as if it were off, which is the default.
    pub iptables_logging: Option<bool>,
    /// Networks that containers may not reach. With guardian `None` means cf-deployment's
    /// `0.0.0.0/0`: a packet that no rule allows is denied. With silk it means no network.
    pub deny_networks: Option<DenyNetworks>,
    /// The addresses of containers: silk's own default is 10.255.0.0/16. Security groups do not
    /// apply to packets to them. Empty by default, because the network is the operator's choice.
    #[serde(deserialize_with = "ranges")]
    pub overlay_networks: Vec<AddressRange>,
    /// The addresses of the cell itself. Security groups do not apply to packets to them.
    #[serde(deserialize_with = "ranges")]
    pub cell_networks: Vec<AddressRange>,
    /// Whether cells have IPv6.
    pub ipv6: bool,
    /// The limit on new connections.
    pub outbound_connections: OutboundConnections,
    /// Lines a second for allowed UDP packets of one container.
    pub accepted_udp_per_second: u32,
    /// Lines a second for denied packets of one container.
    pub denied_per_second: u32,
    /// Seconds until a change has reached all cells.
    pub sync_tolerance: u32,
    /// Seconds until the policy server has a change; the agents of the cells take the rest of
    /// [`sync_tolerance`](Self::sync_tolerance). If left out, it is 60 of the default 120, and all
    /// of another tolerance.
    pub server_tolerance: Option<u32>,
    /// Seconds by which the clock of a cell may differ from that of Cloud Controller, beside the
    /// error that lines show. 0 by default: the clocks are synchronised.
    pub clock_tolerance: u32,
    /// The release of silk; `None` is 3.44.0 or later.
    pub silk_version: Option<SilkVersion>,
}

/// The polls of the policy server and of an agent: a minute each.
const TOLERANCE: u32 = 120;
const SERVER: u32 = 60;

impl Default for Settings {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            group_order: GroupOrder::default(),
            iptables_logging: None,
            deny_networks: None,
            overlay_networks: Vec::new(),
            cell_networks: Vec::new(),
            ipv6: false,
            outbound_connections: OutboundConnections::default(),
            accepted_udp_per_second: 100,
            denied_per_second: 1,
            sync_tolerance: TOLERANCE,
            server_tolerance: None,
            clock_tolerance: 0,
            silk_version: None,
        }
    }
}

impl Settings {
    /// Returns the default settings of a profile.
    ///
    /// ```
    /// use asg_core::policy::{Profile, Settings};
    /// assert_eq!(Settings::of(Profile::Guardian).profile, Profile::Guardian);
    /// ```
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        Self { profile, ..Self::default() }
    }

    /// Returns the seconds until the policy server has a change, never more than until all cells
    /// have it.
    pub(super) fn server_tolerance(&self) -> u32 {
        let all = self.sync_tolerance;
        let usual = if all == TOLERANCE { SERVER } else { all };
        self.server_tolerance.unwrap_or(usual).min(all)
    }

    /// Returns whether every rule logs.
    ///
    /// ```
    /// use asg_core::policy::Settings;
    /// assert!(!Settings::default().logs_all());
    /// ```
    #[must_use]
    pub fn logs_all(&self) -> bool {
        self.iptables_logging == Some(true)
    }

    /// Returns whether silk divides destinations at commas, since 3.44.0.
    pub(super) fn reads_lists(&self) -> bool {
        self.silk_version.is_none_or(|version| version >= SilkVersion(3, 44, 0))
    }

    /// Returns whether silk ignores blanks around ports, since 3.8.0.
    pub(super) fn trims_ports(&self) -> bool {
        self.silk_version.is_none_or(|version| version >= SilkVersion(3, 8, 0))
    }
}

/// A release of silk: major, minor and patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "its fields are all that it can have")]
pub struct SilkVersion(pub u32, pub u32, pub u32);

impl<'de> Deserialize<'de> for SilkVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                Ok(Self(major, minor, patch))
            }
            _ => Err(serde::de::Error::custom("a version is three numbers, such as 3.116.0")),
        }
    }
}

/// The settings of all cells: those of the foundation, and of cells that differ.
///
/// ```
/// use asg_core::policy::{CellSettings, Profile};
///
/// let json = br#"{"iptables_logging":true,"cells":{"old-cell":{"profile":"silk_static"}}}"#;
/// let settings = CellSettings::from_json(json)?;
/// assert_eq!(settings.of(None).profile, Profile::SilkDynamic);
/// assert_eq!(settings.of(Some("old-cell")).profile, Profile::SilkStatic);
/// assert!(settings.of(Some("old-cell")).logs_all(), "the rest is the foundation's");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CellSettings {
    foundation: Settings,
    /// Those that cells have, each once, also where they equal the foundation's.
    own: Vec<Settings>,
    /// Names of cells, in order, with places in `own`.
    cells: Vec<(String, usize)>,
}

impl CellSettings {
    /// Parses the settings in JSON: the members of [`Settings`], all optional, and `cells`, whose
    /// members have the names of cells and are such objects themselves.
    ///
    /// # Errors
    ///
    /// If it is not that, with the offset; also for a key that does not exist.
    ///
    /// ```
    /// use asg_core::policy::CellSettings;
    /// let settings = CellSettings::from_json(br#"{"iptables_logging":true}"#)?;
    /// assert!(settings.of(None).logs_all());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let mut object: serde_json::Map<String, serde_json::Value> = input::from_slice(json)?;
        let at_start = |error: serde_json::Error| Error::json(0, &error.to_string(), false);
        let cells = object.remove("cells").unwrap_or_else(|| serde_json::json!({}));
        let cells: BTreeMap<String, serde_json::Map<String, serde_json::Value>> =
            serde_json::from_value(cells).map_err(at_start)?;
        let read = |object| serde_json::from_value::<Settings>(object).map_err(at_start);
        let foundation = read(object.clone().into())?;
        // Most cells share their settings. One copy serves all of them, with its cached rules.
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut settings = Self { foundation, own: Vec::new(), cells: Vec::new() };
        // A map has its keys in order.
        for (name, own) in cells {
            let mut all = object.clone();
            all.extend(own);
            let all = serde_json::Value::from(all);
            let place = match known.entry(all.to_string()) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(free) => {
                    settings.own.push(read(all)?);
                    *free.insert(settings.own.len() - 1)
                }
            };
            settings.cells.push((name, place));
        }
        Ok(settings)
    }

    /// Returns the settings of a cell, by its name.
    ///
    /// ```
    /// use asg_core::policy::{CellSettings, Settings};
    /// let settings = CellSettings::from(Settings::default());
    /// assert_eq!(settings.of(Some("diego_cell/2")), &Settings::default());
    /// ```
    #[must_use]
    pub fn of(&self, cell: Option<&str>) -> &Settings {
        self.at(self.place(cell))
    }

    /// Returns all settings, the foundation's first, and then those of cells: equal ones once.
    ///
    /// ```
    /// use asg_core::policy::{CellSettings, Settings};
    /// assert_eq!(CellSettings::from(Settings::default()).all().count(), 1);
    /// ```
    pub fn all(&self) -> impl Iterator<Item = &Settings> {
        std::iter::once(&self.foundation).chain(&self.own)
    }

    /// Returns the names of the cells that have settings of their own.
    ///
    /// ```
    /// use asg_core::policy::CellSettings;
    ///
    /// let settings = CellSettings::from_json(br#"{"cells":{"cell-1":{"profile":"guardian"}}}"#)?;
    /// assert_eq!(settings.cells().collect::<Vec<_>>(), ["cell-1"]);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the settings at a place in [`Self::all`].
    pub(super) fn at(&self, place: usize) -> &Settings {
        match place {
            0 => &self.foundation,
            place => &self.own[place - 1],
        }
    }

    /// Returns the place of a cell's settings in [`Self::all`].
    pub(super) fn place(&self, cell: Option<&str>) -> usize {
        let Some(cell) = cell.filter(|_| !self.cells.is_empty()) else { return 0 };
        let place = self.cells.binary_search_by(|(name, _)| name.as_str().cmp(cell));
        place.map_or(0, |place| self.cells[place].1 + 1)
    }
}

impl From<Settings> for CellSettings {
    fn from(foundation: Settings) -> Self {
        Self { foundation, ..Self::default() }
    }
}

fn blocks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Block>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        let range = go::block(&text);
        let range =
            range.ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a block")))?;
        let length = text.split_once('/').map_or("", |(_, length)| length.trim_start_matches('0'));
        let length = if length.is_empty() { "0" } else { length };
        Ok(Block { text: format!("{}/{length}", range.first()), range })
    };
    texts.into_iter().map(read).collect()
}

fn ranges<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AddressRange>, D::Error> {
    let read = |text: String| {
        let range = AddressRange::of(&text).filter(|range| range.count() > 0);
        range.ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a network")))
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_settings_are_read() {
        let json = br#"{"profile":"guardian","group_order":"listed","iptables_logging":true,
            "deny_networks":{"always":["10.44.1.2/16"],"running":["192.168.0.0/016"],"staging":[]},
            "overlay_networks":["10.255.0.0/16"],"cell_networks":["10.0.1.1","10.0.2.0-10.0.2.9"],
            "ipv6":true,"outbound_connections":{"limit":true,"burst":5,"rate":2,"dry_run":true},
            "accepted_udp_per_second":7,"denied_per_second":3,"sync_tolerance":60,"clock_tolerance":2,
            "silk_version":"3.43.1","cells":{"a":{"iptables_logging":false}}}"#;
        let read = CellSettings::from_json(json).unwrap();
        let settings = read.of(None);
        assert_eq!(settings.deny_networks.as_ref().unwrap().always[0].text, "10.44.0.0/16");
        assert_eq!(settings.deny_networks.as_ref().unwrap().running[0].text, "192.168.0.0/16");
        assert!(!settings.reads_lists() && settings.trims_ports() && settings.logs_all());
        assert!(!read.of(Some("a")).logs_all() && read.of(Some("a")).ipv6);
        assert_eq!((read.place(None), read.place(Some("a")), read.place(Some("b"))), (0, 1, 0));
    }

    #[test]
    fn cells_with_equal_settings_share_them() {
        let json =
            br#"{"ipv6":true,"cells":{"a":{"profile":"guardian"},"b":{"iptables_logging":true},
            "c":{"profile":"guardian"},"d":{}}}"#;
        let read = CellSettings::from_json(json).unwrap();
        assert_eq!(read.all().count(), 4, "the foundation's, and three of cells");
        assert_eq!(read.place(Some("a")), read.place(Some("c")));
        assert_eq!(read.cells().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        for (cell, profile) in [("a", Profile::Guardian), ("b", Profile::SilkDynamic)] {
            assert_eq!((read.of(Some(cell)).profile, read.of(Some(cell)).ipv6), (profile, true));
        }
        assert_eq!(read.of(Some("d")), read.of(None));
    }

    #[test]
    fn the_policy_server_takes_its_part_of_the_tolerance_only_where_it_is_known() {
        for (json, expected) in [
            ("{}", 60),
            (r#"{"sync_tolerance":120}"#, 60),
            (r#"{"sync_tolerance":90}"#, 90),
            (r#"{"sync_tolerance":90,"server_tolerance":30}"#, 30),
            (r#"{"server_tolerance":600}"#, 120),
        ] {
            let settings = CellSettings::from_json(json.as_bytes()).unwrap();
            assert_eq!(settings.of(None).server_tolerance(), expected, "{json}");
        }
    }

    #[test]
    fn wrong_settings_are_refused_with_a_reason() {
        let refused =
            |json: &str| CellSettings::from_json(json.as_bytes()).unwrap_err().to_string();
        insta::assert_snapshot!(refused("{"), @"byte 1: the text ends where more JSON was expected");
        insta::assert_snapshot!(refused(r#"{"profil":"guardian"}"#), @"byte 0: malformed JSON: unknown field `profil`, expected one of `profile`, `group_order`, `iptables_logging`, `deny_networks`, `overlay_networks`, `cell_networks`, `ipv6`, `outbound_connections`, `accepted_udp_per_second`, `denied_per_second`, `sync_tolerance`, `server_tolerance`, `clock_tolerance`, `silk_version`");
        insta::assert_snapshot!(refused(r#"{"deny_networks":{"always":["10.44.1.2"]}}"#), @r#"byte 0: malformed JSON: "10.44.1.2" is not a block"#);
        insta::assert_snapshot!(refused(r#"{"overlay_networks":["10.0.0.0/33"]}"#), @r#"byte 0: malformed JSON: "10.0.0.0/33" is not a network"#);
        insta::assert_snapshot!(refused(r#"{"silk_version":"3.1"}"#), @"byte 0: malformed JSON: a version is three numbers, such as 3.116.0");
        insta::assert_snapshot!(refused(r#"{"cells":{"a":{"profile":"silk"}}}"#), @"byte 0: malformed JSON: expected a profile: `silk_dynamic`, `silk_static`, `guardian`");
    }
}
