//! Resolves Cloud Foundry's process GUIDs to apps, spaces and orgs.
//!
//! # Overview
//!
//! Logs name processes by GUID. A [`Directory`](asg_core::Directory) resolves GUIDs to identities,
//! and returns a map by GUID. This crate has four:
//!
//! * [`CloudController`]: a live one, over API v3 or v2 ([`AsyncCloudController`] is its
//!   asynchronous twin);
//! * [`Export`]: pages of one that someone saved with `cf curl`, with no network;
//! * [`Cached`]: a cache in front of any other, with lifetimes, and optionally a file;
//! * [`Layered`]: asks a second one for the GUIDs that the first does not find.
//!
//! This crate handles two things that are easy to get wrong. The first half of Diego's process GUID
//! is *not* the app's GUID once a rolling deployment has replaced the first web process, nor for
//! workers. And "not found" is *not* "deleted": routers, maintenance pages and a v2 that is
//! switched off all answer 404, and so does Cloud Controller for a thing that a token may not see.
//! Only an audit event proves a deletion.
//!
//! # Entry points
//!
//! [`CloudController::new`] asks a live foundation, and [`Export::new`] saved pages. Both are a
//! [`Directory`](asg_core::Directory), whose method `resolve` takes GUIDs and gives identities.
//!
//! # Quick start
//!
//! ```
//! use asg_cc_client::{CloudController, Token, TransportError};
//! use http::{Request, Response};
//!
//! // `HttpTransport` (feature `ureq`) is the usual transport; any closure is one too.
//! let canned = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
//!     let body: &[u8] = match request.uri().path() {
//!         "/" => br#"{"links":{"cloud_controller_v3":{"href":"https://api.example.org/v3"}}}"#,
//!         "/v3/apps" => br#"{
//!             "pagination":{"next":null},
//!             "resources":[{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy",
//!                           "relationships":{"space":{"data":{"guid":"c65add41-d85b-4823-9e2a-545a5e0e5812"}}}}],
//!             "included":{
//!               "spaces":[{"guid":"c65add41-d85b-4823-9e2a-545a5e0e5812","name":"s",
//!                          "relationships":{"organization":{"data":{"guid":"2c279d6c-6f15-4cc0-99ed-72ef76ec50eb"}}}}],
//!               "organizations":[{"guid":"2c279d6c-6f15-4cc0-99ed-72ef76ec50eb","name":"o"}]}}"#,
//!         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
//!     };
//!     Ok(Response::new(body.to_vec()))
//! };
//!
//! let cc = CloudController::new(canned, "https://api.example.org", Token::new("bearer sesame")?)?;
//! let proxy = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?;
//! assert_eq!(cc.resolve(&[proxy])?[&proxy].path().as_deref(), Some("o/s/proxy"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which type do I want?
//!
//! | you want | use | module |
//! |---|---|---|
//! | names from a live foundation | [`CloudController`], with `HttpTransport` (feature `ureq`) | [`client`], `adapter` |
//! | the same in an asynchronous program | [`AsyncCloudController`], with `AsyncHttpTransport` (feature `reqwest`) | [`client`], `adapter` |
//! | names from saved pages | [`Export`]; [`Saved`] and [`CloudController::save`] write them | [`export`] |
//! | fewer requests | [`Cached`] in front | [`cache`] |
//! | retries, a budget, a deadline | [`Retrying`] around a transport, with a [`Policy`] | [`retry`] |
//! | to stop from another thread | [`Stop`] | |
//! | a second directory for what the first does not find | [`Layered`] | |
//! | a clock or random numbers of your own | [`Clock`](clock::Clock), [`Random`](clock::Random) | [`clock`] |
//! | a token that renews itself | [`Credentials`] from a [`Login`] or the cf CLI's [`CfConfig`] | [`auth`] |
//! | tests without a network | any closure as [`Transport`], [`Recorder`] and [`Replay`], or `embedded` | [`transport`], [`record`], `embedded` |
//! | single requests | [`api`] | [`api`] |
//!
//! # Who calls whom
//!
//! [`api`] does no I/O: it builds requests and reads answers. A [`Transport`] does I/O and nothing
//! else. `resolve` alone knows what the records mean together, for live answers and exports alike:
//! a plan gives the requests that may be sent at once and takes the answers, and a blocking and an
//! asynchronous driver send them. `tests/architecture.rs` holds the table of rooms and of the rooms
//! that each may call.
//!
//! # What must be kept alive
//!
//! A client owns its transport, and remembers the lists that no filter narrows. Keep one for the
//! life of the program, and share it by reference: [`CloudController::resolve`] takes `&self`.
//!
//! # What reads files
//!
//! [`Export`] reads pages, [`Cached`] its file, [`CfConfig`] the cf CLI's configuration. Nothing
//! else does, and nothing is written but caches and exports.
//!
//! # Concepts
//!
//! * **Not found is a proof only after a whole search.** `unknown` means that every list was read
//!   to its end by somebody who sees everything; `unavailable` that the question failed; `hidden`
//!   that the token does not see it; `deleted` that an audit event proves it.
//! * **Reach**: what a token may read ([`Reach`]). With less than everything, a missing app is
//!   `hidden`.
//! * **Budget**: requests and logins are limited for each hour, because a foundation serves others
//!   too.
//!
//! # Errors
//!
//! [`Error`] is the reason, and [`Error::fault`] whose fault it is: the caller's, the network's,
//! the server's. [`Error::is_temporary`] asks whether a later try may help. [`ApiError`] is Cloud
//! Controller's own, and [`TransportError`] the transport's; a directory of yours has
//! [`CustomError`].
//!
//! # Features
//!
//! | feature | default | content |
//! |---|---|---|
//! | `ureq` | yes | `HttpTransport`: blocking HTTP and TLS |
//! | `reqwest` | no | `AsyncHttpTransport`: HTTP and TLS for asynchronous programs |
//! | `tracing` | no | a span for each request, events for retries |
//! | `embedded` | no | `embedded`: a small Cloud Controller on loopback, for tests and demonstrations |
//!
//! # Secrets
//!
//! A [`Token`] or [`Secret`] does not print, and this crate puts none into an error, a trace, a
//! cache or a recording. A token is sent only to the configured API, and a password only to that
//! API's own login server: links to next pages are always followed at the configured API, and
//! redirects are not followed at all.
//!
//! The HTTP libraries below have logs of their own. At the level TRACE of the `log` crate,
//! `ureq_proto` prints everything that it sends and receives. A program that shows such logs must
//! leave that target out, for example with the filter `ureq_proto=debug`; below TRACE nothing is
//! shown.
//!
//! [`ApiError`]: error::ApiError
//! [`CustomError`]: error::CustomError
//! [`Reach`]: auth::Reach
//! [`Recorder`]: record::Recorder
//! [`Replay`]: record::Replay
//! [`Saved`]: client::Saved
#![forbid(unsafe_code)]
// What may be added later is decided for each type, and every error and panic is described.
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]

#[cfg(any(feature = "ureq", feature = "reqwest"))]
pub mod adapter;
pub mod api;
pub mod auth;
pub mod cache;
pub mod client;
pub mod clock;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod error;
pub mod export;
mod file;
mod layered;
pub mod record;
mod resolve;
pub mod retry;
mod save;
mod secret;
mod stop;
mod text;
mod token;
pub mod transport;

// What a first program needs. Everything else is in its module.
#[cfg(feature = "reqwest")]
pub use adapter::AsyncHttpTransport;
#[cfg(any(feature = "ureq", feature = "reqwest"))]
pub use adapter::HttpOptions;
#[cfg(feature = "ureq")]
pub use adapter::HttpTransport;
pub use auth::{CfConfig, Credentials, Login, Secret, Token};
pub use cache::Cached;
pub use client::{AsyncCloudController, CloudController};
pub use error::Error;
pub use export::Export;
pub use layered::Layered;
pub use retry::{Policy, Retrying};
pub use stop::Stop;
pub use transport::{Transport, TransportError};

/// The README's programs are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
