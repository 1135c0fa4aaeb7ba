//! Transports over HTTP libraries, each behind a feature.
//!
//! `HttpTransport` (feature `ureq`) blocks, and `AsyncHttpTransport` (feature `reqwest`) is for
//! asynchronous programs. Both take [`HttpOptions`]. Other HTTP clients join in by the traits of
//! [`transport`](crate::transport).
//!
//! ```
//! use std::time::Duration;
//!
//! use asg_cc_client::HttpOptions;
//!
//! let options = HttpOptions { answer_timeout: Duration::from_secs(10), ..HttpOptions::default() };
//! assert!(!options.skip_tls_verification && options.ca_pem.is_none());
//! ```

#[cfg(feature = "ureq")]
mod blocking;
#[cfg(feature = "ureq")]
mod connector;
mod options;
mod proxy;
#[cfg(feature = "reqwest")]
mod reqwest;
mod trust;

#[cfg(feature = "ureq")]
pub use blocking::HttpTransport;
pub use options::HttpOptions;
#[cfg(feature = "reqwest")]
pub use reqwest::AsyncHttpTransport;
