//! Security groups and settings from files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use asg_core::policy::{CellSettings, GroupOrder, Policy, Profile, Snapshot};
use asg_core::time::LogTime;
use asg_core::{Content, Line, Record, Timestamp};
use serde_json::{Map, Value};

use crate::error::Error;

/// The file that describes an export of [`save`](asg_cc_client::CloudController::save).
const ABOUT: &str = "about-this-export.json";
/// The beginning of the names of its pages of security groups.
const PAGES: &str = "security-groups-";

/// The files with security groups and settings, and the options that override settings.
#[derive(Debug, Clone, Default)]
pub struct PolicySources {
    /// Snapshots: files of [`Snapshot::parse`], pages that `cf curl` saved, or folders of an
    /// export.
    pub groups: Vec<PathBuf>,
    /// Settings in JSON, as [`CellSettings::from_json`] reads them.
    pub settings: Option<SettingsSource>,
    /// The profile, in place of that of the settings.
    pub profile: Option<Profile>,
    /// Whether the order of groups is known, in place of that of the settings.
    pub group_order: Option<GroupOrder>,
    /// Seconds until a change has reached all cells, in place of those of the settings.
    pub sync_tolerance: Option<u32>,
    /// The time of pages that show none, in place of that of their files.
    pub taken_at: Option<Timestamp>,
}

/// The place of settings in JSON.
#[derive(Debug, Clone)]
pub enum SettingsSource {
    /// A file.
    File(PathBuf),
    /// The text itself.
    Json(String),
}

/// A policy, and what had to be assumed to read it.
#[derive(Debug)]
pub struct Loaded {
    /// The policy.
    pub policy: Policy,
    /// Sentences for people.
    pub notes: Vec<String>,
}

impl PolicySources {
    /// Reads all files.
    ///
    /// ```
    /// use asg_cli::explain::PolicySources;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let page = folder.path().join("groups.json");
    /// std::fs::write(&page, r#"{"pagination":{"total_results":0,"next":null},"resources":[]}"#)?;
    /// let loaded = PolicySources { groups: vec![page], ..PolicySources::default() }.load()?;
    /// assert_eq!(loaded.policy.snapshots().len(), 1);
    /// assert!(loaded.notes[0].contains("is assumed to have all security groups"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::File`] if a file cannot be read, [`Error::Value`] if it is something else, or
    /// without any file.
    pub fn load(&self) -> Result<Loaded, Error> {
        if self.groups.is_empty() {
            let what = "there are no security groups: give --groups with pages of /v3/security_groups, \
                 or a file of `asglog snapshot`";
            return Err(Error::Value(what.into()));
        }
        let settings = self.load_settings()?;
        let mut notes = Vec::new();
        let mut snapshots = Vec::new();
        // Pages of one listing that were saved one by one: each lacks what the others have.
        let mut parts: Vec<(Vec<u8>, Timestamp)> = Vec::new();
        for path in &self.groups {
            if path.is_dir() {
                snapshots.extend(load_export(path)?);
                continue;
            }
            let file = |error| Error::file(path.display().to_string(), error);
            let bytes = fs::read(path).map_err(file)?;
            let wrong = |error| Error::Value(format!("{}: {error}", path.display()));
            if let Ok(read) = Snapshot::parse(&bytes, None) {
                note(&mut notes, path, &read, None);
                snapshots.extend(read);
                continue;
            }
            let of_file =
                if self.taken_at.is_none() { modified(path).map_err(file)? } else { None };
            let taken_at = self.taken_at.or(of_file);
            let read = Snapshot::parse(&bytes, taken_at)
                .map_err(|error| other_than_groups(path, &bytes).unwrap_or_else(|| wrong(error)))?;
            note(&mut notes, path, &read, of_file);
            match (&read[..], taken_at) {
                ([part], Some(at)) if !part.complete => parts.push((bytes, at)),
                _ => snapshots.extend(read),
            }
        }
        // The order of the listing counts, and that of the arguments does not.
        parts.sort_by_cached_key(|(bytes, _)| page_number(bytes));
        if let Some(at) = parts.iter().map(|(_, at)| *at).min() {
            for (bytes, _) in &parts {
                let read = Snapshot::parse(bytes, Some(at));
                snapshots.extend(read.map_err(|error| Error::Value(error.to_string()))?);
            }
        }
        let policy = Policy::new(snapshots, settings);
        for snapshot in policy.snapshots().filter(|snapshot| !snapshot.complete) {
            let at = snapshot.taken_at;
            notes.push(if snapshot.changed {
                format!(
                    "the snapshot of {at} is not complete: groups changed while its pages were \
                     fetched"
                )
            } else {
                format!("the snapshot of {at} has a part of the security groups only")
            });
        }
        Ok(Loaded { policy, notes })
    }

    fn load_settings(&self) -> Result<CellSettings, Error> {
        let wrong = |error| Error::Value(format!("the settings: {error}"));
        CellSettings::from_json(&self.settings_json()?).map_err(wrong)
    }

    /// Returns the settings of the file, with those of the options in their place, as JSON.
    ///
    /// ```
    /// use asg_cli::explain::PolicySources;
    /// use asg_core::policy::Profile;
    ///
    /// let profile = Some(Profile::Guardian);
    /// let sources = PolicySources { profile, ..PolicySources::default() };
    /// assert_eq!(sources.settings_json()?, br#"{"profile":"guardian"}"#);
    /// # Ok::<(), asg_cli::error::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be read, [`Error::Value`] if it has no settings.
    pub fn settings_json(&self) -> Result<Vec<u8>, Error> {
        let mut name = "the settings".to_owned();
        let text = match &self.settings {
            None => b"{}".to_vec(),
            Some(SettingsSource::Json(text)) => text.clone().into_bytes(),
            Some(SettingsSource::File(path)) => {
                name = path.display().to_string();
                fs::read(path).map_err(|error| Error::file(&name, error))?
            }
        };
        // An error has its offset in the file only before the options are added.
        let wrong = |error: asg_core::Error| Error::Value(format!("{name}: {error}"));
        CellSettings::from_json(&text).map_err(wrong)?;
        let mut object: Map<String, Value> = serde_json::from_slice(&text).unwrap_or_default();
        let given = [
            ("profile", self.profile.map(|profile| profile.as_str().into())),
            ("group_order", self.group_order.map(|order| serde_json::json!(order))),
            ("sync_tolerance", self.sync_tolerance.map(Value::from)),
        ];
        let given: Vec<_> = given.into_iter().filter_map(|(name, it)| Some((name, it?))).collect();
        if given.is_empty() {
            return Ok(text);
        }
        object.extend(given.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(Value::Object(object).to_string().into_bytes())
    }
}

/// The number of bytes and of lines by which a file is recognised.
const HEAD: usize = 512;
const LOOKED_AT: usize = 64;

/// Returns the error about a file that is clearly something else than security groups; `None` if it
/// may be damaged JSON.
fn other_than_groups(path: &Path, bytes: &[u8]) -> Option<Error> {
    let path = path.display();
    let head = &bytes[..bytes.len().min(HEAD)];
    // A letter may be cut at the end.
    if std::str::from_utf8(head).is_err_and(|error| error.error_len().is_some()) {
        let what = "is packed, or no text: security groups are plain JSON, and logs go behind `--`";
        return Some(Error::Value(format!("{path} {what}")));
    }
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let is_of_log = |line: &[u8]| {
        let line = Line::new(line);
        let record = Record::classify(&line);
        let is_known = matches!(
            record.content,
            Content::Packet { .. } | Content::Rep(_) | Content::Document(_) | Content::Logger(_)
        );
        is_known || !matches!(record.envelope.time, LogTime::Unknown)
    };
    lines.take(LOOKED_AT).any(is_of_log).then(|| {
        let what = "looks like a log, and not like security groups: logs go behind `--`";
        Error::Value(format!("{path} {what}"))
    })
}

/// Notes what was assumed about a file.
fn note(notes: &mut Vec<String>, path: &Path, read: &[Snapshot], of_file: Option<Timestamp>) {
    let is_assumed = read.iter().any(|snapshot| snapshot.assumed && snapshot.complete);
    let what = match (is_assumed, of_file) {
        (true, Some(_)) => "is assumed to have all security groups, as of the file's time",
        (true, None) => "is assumed to have all security groups",
        (false, Some(_)) => "is assumed to be as old as the file",
        (false, None) => return,
    };
    notes.push(format!("{} {what}", path.display()));
}

/// Returns the number of a page in its listing, by its links to the pages around it.
fn page_number(page: &[u8]) -> u64 {
    let page: Value = serde_json::from_slice(page).unwrap_or_default();
    let number = |link: &str| {
        let href = page["pagination"][link]["href"].as_str()?;
        let query = href.split_once('?')?.1;
        query.split('&').find_map(|part| part.strip_prefix("page="))?.parse::<u64>().ok()
    };
    let previous = number("previous").map(|number| number.saturating_add(1));
    previous.or_else(|| Some(number("next")?.saturating_sub(1))).unwrap_or(1)
}

/// Returns when a file was last written.
fn modified(path: &Path) -> io::Result<Option<Timestamp>> {
    let modified = fs::metadata(path)?.modified()?;
    let nanos = modified.duration_since(UNIX_EPOCH).ok().map(|since| since.as_nanos());
    Ok(nanos.and_then(|nanos| i64::try_from(nanos).ok()).map(Timestamp::from_nanos))
}

/// Loads the security groups of an export.
fn load_export(folder: &Path) -> Result<Vec<Snapshot>, Error> {
    let at = |path: &Path| path.display().to_string();
    let read = |path: &Path| fs::read(path).map_err(|error| Error::file(at(path), error));
    let about: Value = serde_json::from_slice(&read(&folder.join(ABOUT))?).unwrap_or_default();
    let taken_at = about["taken_at"].as_str().map(|text| Timestamp::parse(text.as_bytes()));
    let Some(Ok(taken_at)) = taken_at else {
        return Err(Error::Value(format!("{} is not an export of asglog", at(folder))));
    };
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::file(at(folder), error))? {
        let path = entry.map_err(|error| Error::file(at(folder), error))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(PAGES)) {
            pages.push(path);
        }
    }
    pages.sort();
    let mut text = Vec::new();
    for page in &pages {
        text.extend(read(page)?);
        text.push(b'\n');
    }
    let mut snapshots = Snapshot::parse(&text, Some(taken_at))
        .map_err(|error| Error::Value(format!("{}: {error}", at(folder))))?;
    let is_whole = about["sees_everything"] == true && !about["finished_at"].is_null();
    for snapshot in &mut snapshots {
        snapshot.assumed = false;
        snapshot.complete &= is_whole;
    }
    Ok(snapshots)
}

/// Returns whether a file that follows `--groups FILE` on the command line is one more page, and
/// not the first log.
#[must_use]
pub fn is_snapshot(path: &Path) -> bool {
    if path.join(ABOUT).is_file() {
        return true;
    }
    let head = || {
        let mut head = [0; 512];
        let n = io::Read::read(&mut fs::File::open(path).ok()?, &mut head).ok()?;
        let head = &head[..n];
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        Some(matches!(head.first(), Some(b'{' | b'[')) && !head.starts_with(b"{\"timestamp\":"))
    };
    let epoch = Some(Timestamp::from_nanos(0));
    fs::metadata(path).is_ok_and(|file| file.is_file())
        && head() == Some(true)
        && fs::read(path).is_ok_and(|page| Snapshot::parse(&page, epoch).is_ok())
}
