//! `asglog demo`: bundled logs, and an embedded Cloud Controller that knows their apps.
//!
//! The two logs come from foundations of different ages:
//!
//! * `article.log`: the two packets of the knowledge-base article on ASG logging, with invented
//!   addresses where it blanks them out, and the rep lines that explain them. They belong to the
//!   app `proxy` in space `s` and org `o`.
//! * `foundation.log`: a modern cell with silk. It has a web app, a deleted app, an app to which a
//!   rolling deployment gave a new process GUID, a worker process, a task, traffic between
//!   containers, and a packet that no line explains.

use std::io;
use std::sync::Arc;

use asg_cc_client::embedded::{Foundation, Server};
use asg_cc_client::{Error, Token};
use serde::Deserialize;

use super::Context;
use super::correlate::correlate;
use super::logs::{Directory, NamedLogs};
use super::options::Options;
use crate::input::Input;
use crate::names::{Settings, Shared};
use crate::report::Failure;

pub(super) fn run(options: &Options, context: Context<'_>) -> Result<(), Failure> {
    if !options.rest.is_empty() {
        let what = "asglog demo reads bundled logs; for your own there is asglog correlate";
        return Err(Failure::Usage(what.into()));
    }
    let server = server().map_err(|error| Failure::Demo(error.to_string()))?;
    context.report.note(format_args!(
        "a demonstration on bundled logs, with an embedded Cloud Controller on {}",
        server.url()
    ));
    let asked = directory(&server).map_err(|error| Failure::Demo(error.to_string()))?;
    let directory = Directory::of(asked, &context.monitor);
    correlate(options, NamedLogs::of(logs()), &directory, context)
}

/// The bundled logs, in the order in which they are shown.
#[must_use]
pub fn logs() -> Vec<Input> {
    vec![
        Input::bundled("article.log", include_bytes!("../../data/article.log")),
        Input::bundled("foundation.log", include_bytes!("../../data/foundation.log")),
    ]
}

/// The embedded Cloud Controller takes any text as a token.
const TOKEN: &str = "demonstration";

/// The contents of the embedded Cloud Controller: the file `data/foundation.json`, and later
/// events.
///
/// ```
/// let foundation = asg_cli::program::demo::foundation();
/// assert!(foundation.apps.iter().any(|app| app.name == "proxy"));
/// assert!(foundation.events.iter().any(|event| event.kind == "audit.app.delete-request"));
/// ```
#[must_use]
pub fn foundation() -> Foundation {
    #[derive(Deserialize)]
    struct Story {
        orgs: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        guid: String,
        name: String,
        #[serde(default)]
        spaces: Vec<Named>,
        #[serde(default)]
        apps: Vec<App>,
    }
    #[derive(Deserialize)]
    struct App {
        guid: String,
        name: String,
        #[serde(default)]
        worker: Option<String>,
        #[serde(default)]
        task: Option<String>,
        #[serde(default)]
        deployed: Option<String>,
        #[serde(default)]
        deleted: Option<String>,
    }
    let story: Story = serde_json::from_str(include_str!("../../data/foundation.json"))
        .expect("a file of this crate, which its tests read");
    let mut foundation = Foundation::new().token(TOKEN);
    for org in &story.orgs {
        foundation = foundation.org(&org.guid, &org.name);
        for space in &org.spaces {
            foundation = foundation.space(&space.guid, &space.name, &org.guid);
            for app in &space.apps {
                foundation = foundation.app(&app.guid, &app.name, &space.guid);
                if let Some(worker) = &app.worker {
                    foundation = foundation.process(worker, "worker", &app.guid);
                }
                if let Some(task) = &app.task {
                    foundation = foundation.task(task, &app.guid);
                }
                if let Some(process) = &app.deployed {
                    foundation.rolling_deployment(&app.guid, process);
                }
                if let Some(at) = &app.deleted {
                    foundation.delete_app(&app.guid, at);
                }
            }
        }
    }
    foundation
}

/// Starts the embedded Cloud Controller on a loopback port; it listens until it is dropped.
///
/// # Errors
///
/// If no port is free.
pub fn server() -> io::Result<Server> {
    Server::start(foundation())
}

/// A directory that asks `server`, over HTTP as it would any other.
///
/// # Errors
///
/// None that this machine can cause; see [`Shared::live`].
pub fn directory(server: &Server) -> Result<Arc<Shared>, Error> {
    Ok(Arc::new(Shared::live(&server.url(), Token::new(TOKEN)?, &Settings::default())?))
}
