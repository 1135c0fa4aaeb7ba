//! The kernel rules as arguments of iptables.
//!
//! Source: silk-release 5148d058, `cni-wrapper-plugin/netrules/netout_chain.go`, `chain_namer.go`
//! and `lib/rules`; guardian c2d9348c, `kawasaki/iptables/single_filter_rule.go`.

use super::effective::{Effective, Entry};
use super::enforce::EntryTraffic;
use super::settings::Profile;

/// The longest name of a chain.
const CHAIN: usize = 28;

impl Effective {
    /// Returns the name of a container's chain, as silk makes it from the handle.
    ///
    /// ```
    /// use asg_core::policy::Effective;
    /// let chain = Effective::chain("bfce786c-ab07-40ad-79f9-8f21");
    /// assert!(chain.contains("bfce786c") && chain.len() <= 28);
    /// ```
    #[must_use]
    pub fn chain(handle: &str) -> String {
        cut(&format!("netout--{handle}"), CHAIN).to_owned()
    }

    /// Returns the name of the chain that logs a container's allowed packets.
    ///
    /// ```
    /// use asg_core::policy::Effective;
    /// assert!(Effective::log_chain("bfce786c-ab07-40ad-79f9-8f21").ends_with("--log"));
    /// ```
    #[must_use]
    pub fn log_chain(handle: &str) -> String {
        suffixed(handle, "--log")
    }

    /// Returns the rules of a container's chain as arguments of iptables, in the order in which the
    /// kernel checks them.
    ///
    /// If cells have IPv6, the rules of both families are in one list. With guardian they are only
    /// the rules of the groups, and `ID` is in place of the number that guardian makes up for the
    /// container.
    ///
    /// ```
    /// use asg_core::policy::{Phase, Policy, Settings, Snapshot};
    ///
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","rules":[{"protocol":"all","destination":"10.0.0.0/8"}],"globally_enabled":{"running":true}}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!(rules.arguments("handle")[2], "-m iprange --dst-range 10.0.0.0-10.255.255.255 --jump ACCEPT");
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn arguments(&self, handle: &str) -> Vec<String> {
        let settings = self.settings();
        if settings.profile == Profile::Guardian {
            return self.entries().iter().map(|entry| guardian(entry, handle)).collect();
        }
        let reject = "--jump REJECT --reject-with icmp-port-unreachable";
        let mut rules = vec![
            "-m state --state RELATED,ESTABLISHED -j ACCEPT".to_owned(),
            "-p tcp -m state --state INVALID -j DROP".to_owned(),
        ];
        let limit = settings.outbound_connections;
        if limit.limit || limit.dry_run {
            let logs = limit.logging.unwrap_or(settings.logs_all()) || limit.dry_run;
            let target = if logs { suffixed(handle, "--rl-log") } else { "REJECT".to_owned() };
            let expire = limit.burst.div_ceil(limit.rate.max(1));
            rules.push(format!(
                "-p tcp -m conntrack --ctstate NEW -m hashlimit --hashlimit-above {}/sec \
                 --hashlimit-burst {} --hashlimit-mode dstip,dstport --hashlimit-name {handle} \
                 --hashlimit-htable-expire {expire}000 -j {target}",
                limit.rate, limit.burst
            ));
        }
        rules.extend(self.deny_networks().map(|network| format!("-d {} {reject}", network.text)));
        rules.extend(self.entries().iter().map(|entry| silk(entry, handle)));
        if settings.logs_all() {
            let rate = settings.denied_per_second;
            let prefix = cut(&format!("DENY_{handle}"), CHAIN).to_owned();
            rules.push(format!(
                "-m limit --limit {rate}/s --limit-burst {rate} --jump LOG --log-prefix \"{prefix} \""
            ));
        }
        rules.push(reject.to_owned());
        rules
    }
}

fn silk(entry: &Entry, handle: &str) -> String {
    let range = format!("--dst-range {}", entry.range);
    let word = entry.traffic.as_str();
    let matched = match entry.traffic {
        EntryTraffic::Tcp(first, last) | EntryTraffic::Udp(first, last) => {
            format!("-m iprange -p {word} {range} -m {word} --destination-port {first}:{last}")
        }
        EntryTraffic::Icmp(icmp_type, code) => {
            format!("-m iprange -p icmp {range} -m icmp --icmp-type {icmp_type}/{code}")
        }
        EntryTraffic::All => format!("-m iprange {range}"),
    };
    if entry.log {
        format!("{matched} -g {}", Effective::log_chain(handle))
    } else {
        format!("{matched} --jump ACCEPT")
    }
}

fn guardian(entry: &Entry, handle: &str) -> String {
    let ports = match entry.traffic {
        EntryTraffic::Tcp(first, last) | EntryTraffic::Udp(first, last) if first == last => {
            format!(" --destination-port {first}")
        }
        EntryTraffic::Tcp(first, last) | EntryTraffic::Udp(first, last) => {
            format!(" --destination-port {first}:{last}")
        }
        EntryTraffic::Icmp(icmp_type, code) => format!(" --icmp-type {icmp_type}/{code}"),
        EntryTraffic::All => String::new(),
    };
    let target = if entry.log { "--goto w--instance-ID-log" } else { "--jump RETURN" };
    format!(
        "--protocol {} -m iprange --dst-range {}{ports} {target} -m comment --comment {handle}",
        entry.traffic.as_str(),
        entry.range
    )
}

/// Returns a container's chain name with a suffix. The part before the suffix is cut to fit the
/// longest name.
fn suffixed(handle: &str, suffix: &str) -> String {
    let chain = Effective::chain(handle);
    format!("{}{suffix}", cut(&chain, CHAIN - suffix.len()))
}

fn cut(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text)
}
