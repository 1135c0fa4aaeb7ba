//! The proxies of the environment, with the rules of the cf CLI.
//!
//! Source: `golang.org/x/net/http/httpproxy` (`config.go`), which Go's `net/http` and so the cf CLI
//! use. `HTTPS_PROXY` is for https, `HTTP_PROXY` for http, in upper case first. Each part of
//! `NO_PROXY` is a name (it and all below it), a name with a dot in front (all below it), an IP
//! address, a CIDR block, or `*`; a name or address may have a port.

use std::env;
use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

use crate::transport::{TransportError, TransportErrorKind};

/// The address of a proxy, and the variable that has it.
#[derive(Clone)]
struct Given {
    variable: &'static str,
    /// `None` if it is not the address of an HTTP proxy.
    address: Option<String>,
}

/// All proxies and exceptions. It does not print, because addresses of proxies contain passwords.
#[derive(Clone, Default)]
pub(super) struct Proxies {
    http: Option<Given>,
    https: Option<Given>,
    direct: Vec<Direct>,
}

/// Hosts that are reached directly.
#[derive(Clone)]
enum Direct {
    All,
    Block(IpAddr, u32),
    Address(IpAddr, Option<u16>),
    /// A name with a dot in front, and whether the name itself is included, too.
    Name(String, bool, Option<u16>),
}

impl Proxies {
    pub(super) fn from_env() -> Self {
        Self::from_vars(|name| env::var(name).ok())
    }

    fn from_vars(var: impl Fn(&'static str) -> Option<String>) -> Self {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                let value = var(name).map(|value| value.trim().to_owned());
                value.filter(|value| !value.is_empty()).map(|value| (name, value))
            })
        };
        let proxy = |names| {
            let (variable, value) = first(names)?;
            Some(Given { variable, address: address(&value) })
        };
        let direct = first(["NO_PROXY", "no_proxy"]);
        Self {
            https: proxy(["HTTPS_PROXY", "https_proxy"]),
            http: proxy(["HTTP_PROXY", "http_proxy"]),
            direct: direct.map_or_else(Vec::new, |(_, list)| {
                list.split(',').filter_map(|part| Direct::parse(part.trim())).collect()
            }),
        }
    }

    /// Returns the address of the proxy for `uri`; `None` if it is reached directly.
    ///
    /// # Errors
    ///
    /// If the variable does not have the address of an HTTP proxy. The error does not repeat it.
    pub(super) fn of(&self, uri: &Uri) -> Result<Option<&str>, TransportError> {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let given = if is_https { &self.https } else { &self.http };
        let Some(given) = given else { return Ok(None) };
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let ip = bare.parse::<IpAddr>().ok();
        let is_near = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
        if is_near || self.direct.iter().any(|direct| direct.takes(&host, ip, port)) {
            return Ok(None);
        }
        let Some(address) = &given.address else {
            let what = format!("{} is not the address of an HTTP proxy", given.variable);
            return Err(TransportError::new(TransportErrorKind::Other, what));
        };
        Ok(Some(address))
    }
}

/// Returns the address of an HTTP proxy, with its scheme.
fn address(value: &str) -> Option<String> {
    let value = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let uri: Uri = value.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority()?;
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    let has_port = host_and_port.len() > authority.host().len();
    let is_usable =
        is_http && !authority.host().is_empty() && (!has_port || authority.port_u16().is_some());
    is_usable.then_some(value)
}

impl Direct {
    fn parse(part: &str) -> Option<Self> {
        let part = part.to_ascii_lowercase();
        if part == "*" {
            return Some(Self::All);
        }
        if let Some((ip, bits)) = part.split_once('/')
            && let (Ok(ip), Ok(bits)) = (ip.parse::<IpAddr>(), bits.parse())
        {
            let widest = if ip.is_ipv4() { 32 } else { 128 };
            return (bits <= widest).then_some(Self::Block(ip, bits));
        }
        let (host, port) = match part.parse::<IpAddr>() {
            Ok(_) => (part.as_str(), None),
            Err(_) => match part.rsplit_once(':') {
                Some((host, port)) => (host, Some(port.parse().ok()?)),
                None => (part.as_str(), None),
            },
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Some(Self::Address(ip, port));
        }
        let name = bare.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(bare);
        match name.strip_prefix('.') {
            Some("") => None,
            Some(_) => Some(Self::Name(name.to_owned(), false, port)),
            None if name.is_empty() => None,
            None => Some(Self::Name(format!(".{name}"), true, port)),
        }
    }

    fn takes(&self, host: &str, ip: Option<IpAddr>, port: u16) -> bool {
        let port_fits = |wanted: Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match self {
            Self::All => true,
            Self::Block(block, bits) => ip.is_some_and(|ip| is_in(ip, *block, *bits)),
            Self::Address(address, wanted) => {
                ip.is_some_and(|ip| ip.to_canonical() == address.to_canonical())
                    && port_fits(*wanted)
            }
            Self::Name(name, itself, wanted) => {
                (host.ends_with(name.as_str()) || *itself && host == &name[1..])
                    && port_fits(*wanted)
            }
        }
    }
}

/// Returns whether the first `bits` of both are equal.
fn is_in(ip: IpAddr, block: IpAddr, bits: u32) -> bool {
    match (ip, block) {
        (IpAddr::V4(ip), IpAddr::V4(block)) => {
            let differing = u32::from(ip) ^ u32::from(block);
            differing.leading_zeros() >= bits
        }
        (IpAddr::V6(ip), IpAddr::V6(block)) => {
            let differing = u128::from(ip) ^ u128::from(block);
            differing.leading_zeros() >= bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(vars: &[(&str, &str)]) -> Proxies {
        Proxies::from_vars(|name| {
            vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn exceptions_are_read_as_go_reads_them() {
        const API: &str = "https://api.cf.test:6446/v3";
        for (exceptions, uri, is_direct) in [
            ("", API, false),
            ("cf.test", API, true),
            ("CF.Test", API, true),
            ("api.cf.test", API, true),
            (".cf.test", API, true),
            ("*.cf.test", API, true),
            ("f.test", API, false),
            (".api.cf.test", API, false),
            ("other, api.cf.test", API, true),
            ("api.cf.test:6446", API, true),
            ("api.cf.test:443", API, false),
            ("api.cf.test:443", "https://api.cf.test", true),
            ("api.cf.test:x", API, false),
            (" * ", API, true),
            (",,", API, false),
            ("10.0.0.0/8", "https://10.20.30.40", true),
            ("10.0.0.0/8", "https://11.0.0.1", false),
            ("10.0.0.0/33", "https://10.0.0.1", false),
            ("10.0.0.1", "https://10.0.0.1:8443", true),
            ("10.0.0.1:443", "https://10.0.0.1:8443", false),
            ("fd00::/8", "https://[fd12::1]", true),
            ("[fd12::1]:443", "https://[fd12::1]", true),
            ("fd12::1", "https://[fd12::1]:8443", true),
            ("::/0", "https://10.0.0.1", false),
            ("", "https://localhost:8443", true),
            ("", "https://127.8.8.8", true),
            ("", "https://[::1]:8443", true),
            ("", "https://localhost.evil.test", false),
        ] {
            let proxies = proxies(&[("HTTPS_PROXY", "proxy.test:3128"), ("NO_PROXY", exceptions)]);
            let proxy = proxies.of(&uri.parse().unwrap()).unwrap();
            let wanted = (!is_direct).then_some("http://proxy.test:3128");
            assert_eq!(proxy, wanted, "{exceptions} {uri}");
        }
    }

    #[test]
    fn each_scheme_has_its_variable_and_upper_case_comes_first() {
        let both = proxies(&[
            ("HTTPS_PROXY", "https://me:pw@s.test"),
            ("https_proxy", "lower.test"),
            ("http_proxy", "h.test"),
            ("ALL_PROXY", "all.test"),
        ]);
        let of = |proxies: &Proxies, uri: &str| {
            proxies.of(&uri.parse().unwrap()).map(|proxy| proxy.map(ToOwned::to_owned))
        };
        assert_eq!(of(&both, "https://a.test").unwrap().unwrap(), "https://me:pw@s.test");
        assert_eq!(of(&both, "http://a.test").unwrap().unwrap(), "http://h.test");
        let one = proxies(&[("HTTPS_PROXY", "s.test"), ("ALL_PROXY", "all.test")]);
        assert_eq!(of(&one, "http://a.test").unwrap(), None);
        for wrong in ["garbage://x", "http://[bad", "socks5://s.test", "http://s.test:99999", "://"]
        {
            let wrong = proxies(&[("HTTPS_PROXY", wrong), ("no_proxy", "near.test")]);
            let err = of(&wrong, "https://a.test").unwrap_err();
            assert_eq!(err.to_string(), "HTTPS_PROXY is not the address of an HTTP proxy");
            assert_eq!(of(&wrong, "https://near.test").unwrap(), None);
            assert_eq!(of(&wrong, "http://a.test").unwrap(), None);
        }
    }
}
