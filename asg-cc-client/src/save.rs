//! Saves a whole Cloud Controller into a folder, page by page: a state machine that neither asks
//! nor waits.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use asg_core::Timestamp;
use http::Response;
use serde_json::{Value, json};

use crate::api::{Call, Page, Work, v3};
use crate::error::Error;
use crate::export::{ABOUT, FORMAT};
use crate::file::replace;
use crate::token::Reach;

/// An export that was saved: see [`CloudController::save`](crate::CloudController::save).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// The time when the saving began; for one that was resumed, the first time.
    pub taken_at: Timestamp,
    /// The pages that were saved now, without those of an earlier attempt.
    pub pages: usize,
    /// Lists that this Cloud Controller does not have, such as `audit_events`.
    pub absent: Vec<String>,
    /// Whether the token shows that it sees everything: [`Reach::Global`].
    pub sees_everything: bool,
}

pub(crate) struct Saving {
    folder: PathBuf,
    api: String,
    saved: Saved,
    /// The lists that are left to save, the current one first.
    lists: VecDeque<(&'static str, Call<Page<Work>>)>,
    /// The page number in the current list.
    number: usize,
}

impl Saving {
    /// Begins an export, or continues an earlier attempt.
    pub(crate) fn open(folder: &Path, api: String, now: Timestamp) -> Result<Self, Error> {
        let mut saving = Self {
            folder: folder.to_owned(),
            api,
            saved: Saved { taken_at: now, pages: 0, absent: Vec::new(), sees_everything: false },
            lists: v3::everything().into(),
            number: 1,
        };
        fs::create_dir_all(folder).map_err(|e| saving.failure(folder, &e))?;
        let about = folder.join(ABOUT);
        match fs::read(&about) {
            Ok(text) => saving.resume(&text)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut entries = fs::read_dir(folder).map_err(|e| saving.failure(folder, &e))?;
                if entries.next().is_some() {
                    let what = "is not empty, and not an export that could be resumed";
                    return Err(Error::Export(format!("{} {what}", folder.display())));
                }
                saving.write_about(None)?;
            }
            Err(e) => return Err(saving.failure(&about, &e)),
        }
        Ok(saving)
    }

    fn resume(&mut self, about: &[u8]) -> Result<(), Error> {
        let refused = |why: &str| {
            Err(Error::Export(format!("{}: {why}: choose another folder", self.folder.display())))
        };
        let about: Value = serde_json::from_slice(about).unwrap_or_default();
        if about["format"] != FORMAT {
            return refused("it is not an export of this version");
        }
        if about["api"] != self.api.as_str() {
            return refused("it is an export of another foundation");
        }
        if !about["finished_at"].is_null() {
            return refused("it is a finished export");
        }
        let began = about["taken_at"].as_str().map(|at| Timestamp::parse(at.as_bytes()));
        let Some(Ok(began)) = began else { return refused("its description is damaged") };
        self.saved.taken_at = began;
        let absent = about["absent"].as_array().into_iter().flatten();
        self.saved.absent = absent.filter_map(|it| it.as_str().map(str::to_owned)).collect();
        // Pages are written whole and in order, so a list is continued behind its last one.
        while let Some((name, call)) = self.lists.front() {
            if self.saved.absent.iter().any(|absent| absent == call.list()) {
                self.next_list();
                continue;
            }
            let Ok(page) = fs::read(self.file(name)) else { break };
            let next = call.parse(&Response::new(page)).and_then(|page| call.next(&page));
            match next {
                Ok(Some(next)) => self.next_page(next),
                Ok(None) => self.next_list(),
                // The page is saved again.
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Returns the next page to ask for; `None` when all are saved.
    pub(crate) fn next(&self) -> Option<&Call<Page<Work>>> {
        self.lists.front().map(|(_, call)| call)
    }

    /// Saves the answer.
    pub(crate) fn answer(&mut self, response: &Response<Vec<u8>>) -> Result<(), Error> {
        let Some((name, call)) = self.lists.front() else { return Ok(()) };
        let page = match call.parse(response) {
            Ok(page) => page,
            // Not every Cloud Controller has all lists.
            Err(Error::NoSuchEndpoint) => {
                self.saved.absent.push(call.list().to_owned());
                self.saved.absent.dedup();
                self.next_list();
                return self.write_about(None);
            }
            Err(e) => return Err(e),
        };
        let next = call.next(&page)?;
        let file = self.file(name);
        replace(&file, response.body()).map_err(|e| self.failure(&file, &e))?;
        self.saved.pages += 1;
        match next {
            Some(next) => self.next_page(next),
            None => self.next_list(),
        }
        Ok(())
    }

    /// Finishes the export, with the reach of the token.
    pub(crate) fn finish(mut self, now: Timestamp, reach: Reach) -> Result<Saved, Error> {
        self.saved.sees_everything = reach == Reach::Global;
        self.write_about(Some(now))?;
        Ok(self.saved)
    }

    fn next_page(&mut self, next: Call<Page<Work>>) {
        if let Some((_, call)) = self.lists.front_mut() {
            *call = next;
        }
        self.number += 1;
    }

    fn next_list(&mut self) {
        self.lists.pop_front();
        self.number = 1;
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}-{:05}.json", self.number))
    }

    fn write_about(&self, finished: Option<Timestamp>) -> Result<(), Error> {
        let about = json!({
            "format": FORMAT,
            "api": self.api,
            "taken_at": self.saved.taken_at.to_string(),
            "finished_at": finished.map(|at| at.to_string()),
            "sees_everything": finished.map(|_| self.saved.sees_everything),
            "absent": self.saved.absent,
        });
        let file = self.folder.join(ABOUT);
        replace(&file, format!("{about}\n").as_bytes()).map_err(|e| self.failure(&file, &e))
    }

    #[expect(clippy::unused_self, reason = "it is used where errors are mapped")]
    fn failure(&self, path: &Path, error: &std::io::Error) -> Error {
        Error::Export(format!("{}: {error}", path.display()))
    }
}
