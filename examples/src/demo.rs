//! What `correlate` shows without arguments: bundled logs, and an embedded Cloud Controller that knows their apps.
//!
//! Two logs, two foundations of different ages under one roof:
//!
//! * `article.log`: the two packets of the knowledge-base article on ASG logging, with the addresses filled in that it
//!   blanks out, and the rep lines that explain them. One app `proxy`, in space `s`, in org `o`.
//! * `foundation.log`: a modern cell with silk. A web app, an app that was deleted since, an app that a rolling
//!   deployment has given a new process GUID, a worker process, a task, traffic between containers, and a packet of
//!   which no line explains anything.

use std::io;

use asg_cc_client::embedded::{Foundation, Server};
use asg_cc_client::{CloudController, Error, HttpTransport, Token};
use asg_cli::input::Input;
use serde::Deserialize;

/// The bundled logs, in the order in which they are shown.
#[must_use]
pub fn logs() -> Vec<Input> {
    vec![
        Input::bundled("article.log", include_bytes!("../data/article.log")),
        Input::bundled("foundation.log", include_bytes!("../data/foundation.log")),
    ]
}

/// Any text is a token to the embedded Cloud Controller; this is the one that the demonstration uses.
const TOKEN: &str = "demonstration";

/// What the embedded Cloud Controller knows: the file `data/foundation.json`, and what happened since.
///
/// ```
/// let foundation = asg_examples::demo::foundation();
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
    let story: Story = serde_json::from_str(include_str!("../data/foundation.json"))
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
/// If there is no port to listen on.
pub fn server() -> io::Result<Server> {
    Server::start(foundation())
}

/// A directory that asks `server`, over HTTP as it would any other.
///
/// # Errors
///
/// None that this machine can cause; see [`HttpTransport::new`].
pub fn directory(server: &Server) -> Result<CloudController<HttpTransport>, Error> {
    CloudController::new(HttpTransport::new()?, &server.url(), Token::new(TOKEN)?)
}
