//! Transports over HTTP libraries, each behind a feature.

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
