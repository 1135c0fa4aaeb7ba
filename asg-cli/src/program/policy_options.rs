//! The options about security groups.

use std::ffi::OsString;
use std::path::PathBuf;

use asg_core::Timestamp;
use asg_core::policy::{GroupOrder, Phase, Profile};
use lexopt::ValueExt as _;

use crate::explain::{PolicySources, SettingsSource};
use crate::report::Failure;

/// The options about security groups.
#[derive(Debug, Default)]
pub(crate) struct PolicyOptions {
    /// `--groups`, `--settings` and what overrides settings.
    pub(crate) sources: PolicySources,
    /// `--packet`.
    pub(crate) packet: Option<String>,
    /// `--packets`.
    pub(crate) packets: Option<PathBuf>,
    /// `--space`.
    pub(crate) spaces: Vec<String>,
    /// `--phase`.
    pub(crate) phase: Option<Phase>,
    /// `--near`.
    pub(crate) near: Option<usize>,
}

impl PolicyOptions {
    /// Takes an option.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] for a value that it cannot have.
    pub(crate) fn set(&mut self, name: &str, value: OsString) -> Result<(), Failure> {
        let sources = &mut self.sources;
        match name {
            "groups" => sources.groups.push(value.into()),
            "settings" => sources.settings = Some(SettingsSource::File(value.into())),
            "packets" => self.packets = Some(value.into()),
            "packet" => self.packet = Some(value.string()?),
            "space" => self.spaces.push(value.string()?),
            "profile" => sources.profile = Some(word(name, &value.string()?, PROFILES)?),
            "group-order" => sources.group_order = Some(word(name, &value.string()?, ORDERS)?),
            "phase" => self.phase = Some(word(name, &value.string()?, PHASES)?),
            "sync-tolerance" => sources.sync_tolerance = Some(number(name, &value.string()?)?),
            "near" => self.near = Some(number(name, &value.string()?)?),
            "taken-at" => {
                let text = value.string()?;
                let what =
                    "--taken-at takes a time with a zone, such as 2024-05-06T07:09:10Z, and not";
                let time = Timestamp::parse(text.as_bytes());
                let time = time.map_err(|_| Failure::Usage(format!("{what} `{text}`")))?;
                sources.taken_at = Some(time);
            }
            _ => {}
        }
        Ok(())
    }
}

const PROFILES: &[(&str, Profile)] = &[
    (Profile::SilkDynamic.as_str(), Profile::SilkDynamic),
    (Profile::SilkStatic.as_str(), Profile::SilkStatic),
    (Profile::Guardian.as_str(), Profile::Guardian),
];

const ORDERS: &[(&str, GroupOrder)] =
    &[("unknown", GroupOrder::Unknown), ("listed", GroupOrder::Listed)];

const PHASES: &[(&str, Phase)] =
    &[(Phase::Running.as_str(), Phase::Running), (Phase::Staging.as_str(), Phase::Staging)];

fn word<T: Copy>(name: &str, text: &str, words: &[(&str, T)]) -> Result<T, Failure> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Failure::Usage(format!("--{name} is one of {}, and not `{text}`", words.join(", ")))
    })
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Failure> {
    let what = || Failure::Usage(format!("--{name} takes a number, and not `{text}`"));
    text.parse().map_err(|_| what())
}
