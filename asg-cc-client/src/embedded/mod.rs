//! A small Cloud Controller: real HTTP on loopback, real statuses, headers and bodies, and your own
//! [`Foundation`] behind it.
//!
//! It serves the requests of this crate, over v3 and v2: root and info, apps, processes, tasks,
//! builds, deployments, spaces, orgs, audit events and security groups, with their filters, pages
//! and errors. It limits rates and respects the rights of tokens. A [`Uaa`] beside it issues
//! tokens, and an [`Outage`] injects failures. It is for tests, examples and demonstrations; it is
//! read-only, and keeps everything in memory.
//!
//! # Example
//!
//! ```
//! use asg_cc_client::embedded::{Foundation, Server};
//! # #[cfg(feature = "ureq")] {
//! use asg_cc_client::{CloudController, HttpTransport, Token};
//! use asg_core::Guid;
//! use asg_core::names::AppState;
//!
//! let (org, space, app) = (
//!     "2c279d6c-6f15-4cc0-99ed-72ef76ec50eb",
//!     "c65add41-d85b-4823-9e2a-545a5e0e5812",
//!     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0",
//! );
//! let foundation =
//!     Foundation::new().org(org, "o").space(space, "s", org).app(app, "proxy", space).token("sesame");
//! let server = Server::start(foundation)?;
//! let cc = CloudController::new(HttpTransport::new()?, &server.url(), Token::new("sesame")?)?;
//! let proxy: Guid = app.parse()?;
//! assert_eq!(cc.resolve(&[proxy])?[&proxy].state, AppState::Live);
//!
//! server.update(|foundation| foundation.delete_app(app, "2017-06-23T10:00:00Z"));
//! assert_eq!(cc.resolve(&[proxy])?[&proxy].state, AppState::Deleted);
//! assert!(server.requests().iter().any(|r| r.target.starts_with("/v3/audit_events?target_guids=")));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod clock;
mod desk;
mod foundation;
mod jwt;
mod limiter;
mod listen;
mod outage;
mod query;
mod realm;
mod rows;
mod server;
#[cfg(test)]
mod tests;
mod trouble;
mod uaa;
mod v2;
mod v3;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use clock::Clock;
pub use desk::Logged;
pub use foundation::{
    Access, App, Deployment, Event, Foundation, Org, Process, RateLimit, SecurityGroup, Space, Work,
};
pub use outage::Outage;
pub use realm::{Client, Realm, User};
pub use server::Server;
pub use trouble::{Limit, Page, Trouble};
pub use uaa::Uaa;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
