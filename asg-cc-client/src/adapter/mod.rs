//! Transports over HTTP libraries, each behind a feature.

#[cfg(feature = "ureq")]
mod blocking;
mod options;
mod proxy;
#[cfg(feature = "reqwest")]
mod reqwest;

#[cfg(feature = "ureq")]
pub use blocking::HttpTransport;
pub use options::HttpOptions;
#[cfg(feature = "reqwest")]
pub use reqwest::AsyncHttpTransport;
