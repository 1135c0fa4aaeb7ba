//! Lager lines: what rep, executor and Garden write about a container in each era.
//!
//! Messages, keys and their order are those of rep 3a975cc (2016-06) to 5bbcd6b (2026-02), executor
//! 0d0559c to 9e97ac1 and guardian c2d9348. A lager line's `data` is a map with its keys sorted;
//! `lrp-key` and its like are structs.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use super::clock::rfc3339;
use super::era::{Facts, Lager};
use super::truth::{ContainerFacts, NameSet, Workload};

/// The content of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// rep takes up a container; only its handle. From the event stream or, every half minute, the
    /// bulker.
    Starting { bulker: bool },
    /// executor is about to make it.
    Creating,
    /// It was made.
    Created,
    /// It was made, at debug level, with everything that executor knows: three thousand bytes.
    Info,
    /// It runs; with its ports and, later, its address. Again from the bulker every half minute.
    Running { bulker: bool },
    /// It runs on a cell that is being emptied: without the process.
    Evacuating,
    /// rep was asked to stop it.
    Stopping,
    /// It is gone.
    Destroyed,
    /// A task starts; only its handle.
    TaskStarting,
    /// The task has ended.
    TaskCompleting,
    /// Garden begins to make a container.
    GardenCreating,
    /// Garden's own network: handle, bridge and address.
    GardenNetwork,
    /// Garden has made it.
    GardenCreated,
    /// Garden has destroyed it.
    GardenDestroyed,
}

impl Message {
    /// Returns whether a line of this kind identifies the container's owner. A task's handle does.
    pub(super) fn names(self, workload: Workload) -> bool {
        match workload {
            Workload::App => matches!(
                self,
                Self::Creating
                    | Self::Created
                    | Self::Info
                    | Self::Running { .. }
                    | Self::Stopping
                    | Self::Destroyed
            ),
            Workload::Task | Workload::Staging => true,
            Workload::HealthCheck => false,
        }
    }
}

/// The other facts that a line needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) era: &'a Facts,
    pub(super) facts: &'a ContainerFacts,
    pub(super) names: Option<&'a NameSet>,
    /// rep's name for its cell.
    pub(super) cell_id: &'a str,
    pub(super) cell_ip: Ipv4Addr,
    pub(super) session: u64,
    /// The time by the cell's clock.
    pub(super) wall: i64,
}

const CREATE: &str = "process-reserved-container.run-container";
const DESTROY: &str =
    "process-completed-container.delete-container.containerstore.destroy.node-destroy";

/// Writes iptables-logger's line about a kernel line, in its way: the first value of each key
/// counts. Returns false if it overlooks the line.
pub(super) fn logger(
    out: &mut Vec<u8>,
    wall: i64,
    kernel: &[u8],
    owner: &ContainerFacts,
    cell_ip: Ipv4Addr,
) -> bool {
    let text = String::from_utf8_lossy(kernel);
    let (is_allowed, is_denied) = (text.contains("OK_"), text.contains("DENY_"));
    if !is_allowed && !is_denied {
        return false;
    }
    let value = |key: &str| {
        let values = text.split_whitespace().filter_map(|word| word.split_once('='));
        values.filter(|(known, _)| *known == key).map(|(_, value)| value).next().unwrap_or("")
    };
    let number = |key: &str| value(key).parse::<u32>().unwrap_or(0);
    let is_ingress = value("OUT").contains("s-");
    let direction = if is_ingress { "ingress" } else { "egress" };
    let verdict = if is_allowed { "allowed" } else { "denied" };
    let guid = |guid: Option<asg_core::Guid>| guid.map(|guid| guid.to_string()).unwrap_or_default();
    out.extend(b"{\"timestamp\":\"");
    rfc3339(out, wall, 9, "Z");
    let side = if is_ingress { "destination" } else { "source" };
    let _ = write!(
        out,
        r#"","level":"info","source":"cfnetworking.iptables","message":"cfnetworking.iptables.{direction}-{verdict}","data":{{"packet":{{"direction":"{direction}","allowed":{is_allowed},"src_ip":"{}","dst_ip":"{}","src_port":{},"dst_port":{},"protocol":"{}","mark":"{}","icmp_type":{},"icmp_code":{}}},"{side}":{{"container_id":"{}","app_guid":"{}","space_guid":"{}","organization_guid":"{}","host_ip":"{cell_ip}","host_guid":"{}"}}}}}}"#,
        value("SRC"),
        value("DST"),
        number("SPT"),
        number("DPT"),
        value("PROTO"),
        value("MARK"),
        number("TYPE"),
        number("CODE"),
        owner.handle,
        guid(owner.app),
        guid(owner.space),
        guid(owner.org),
        owner.cell,
    );
    true
}

/// Writes a line about a container.
pub(super) fn write(out: &mut Vec<u8>, message: Message, context: &Context<'_>) {
    let Context { era, facts, session, .. } = *context;
    let processor =
        if facts.process_guid.is_some() { "ordinary-lrp-processor" } else { "task-processor" };
    let operation = era.operation;
    let bulker = "rep.running-bulker.sync.batch-operations.executing-container-operation";
    let base = |is_bulker| if is_bulker { bulker } else { operation };
    let handle = &facts.handle;
    let head = |out: &mut Vec<u8>, source: &str, level: u8, message: &str| {
        head(out, era.lager, context.wall, source, level, message);
    };
    match message {
        Message::Starting { bulker } => {
            head(out, "rep", 1, &format!("{}.starting", base(bulker)));
            let _ = write!(out, r#"{{"container-guid":"{handle}","session":"{session}"}}}}"#);
        }
        Message::Creating => {
            head(out, "rep", 1, &format!("{operation}.{processor}.{CREATE}.creating-container"));
            about(out, context, "reserved", About { guid: true, ..About::default() });
        }
        Message::Created => {
            let path =
                format!("{operation}.{processor}.{CREATE}.containerstore-create.node-create");
            head(out, "rep", 1, &format!("{path}.created-container-in-garden"));
            let took = Some(("create-took", "1.371503862s"));
            about(out, context, "reserved", About { guid: true, took, ..About::default() });
        }
        Message::Info => {
            let path =
                format!("{operation}.{processor}.{CREATE}.containerstore-create.node-create");
            head(out, "rep", 0, &format!("{path}.container-created"));
            about(out, context, "reserved", About { guid: true, info: true, ..About::default() });
        }
        Message::Running { bulker } => {
            let path = format!("{}.{processor}.process-running-container", base(bulker));
            head(out, "rep", 1, &format!("{path}.bbs-start-actual-lrp"));
            about(out, context, "running", About { net_info: true, ..About::default() });
        }
        Message::Evacuating => {
            let path = format!("{bulker}.evacuation-lrp-processor.process-running-container");
            head(out, "rep", 1, &format!("{path}.bbs-evacuate-running-actual-lrp"));
            let about_it = About { net_info: true, anonymous: true, ..About::default() };
            about(out, context, "running", about_it);
        }
        Message::Stopping => {
            let process = facts.process_guid.as_deref().unwrap_or_default();
            let (instance, path) =
                (&facts.instance_guid, "rep.request.handling-stop-lrp-instance.stop-container");
            head(out, "rep", 1, &format!("{path}.containerstore-stop.starting"));
            let _ = write!(
                out,
                r#"{{"Guid":"{handle}","instance-guid":"{instance}","method":"POST","process-guid":"{process}","request":"/v1/lrps/{process}/instances/{instance}/stop","session":"{session}.1.1"}}}}"#
            );
        }
        Message::Destroyed => {
            head(
                out,
                "rep",
                1,
                &format!("{operation}.{processor}.{DESTROY}.destroyed-container-in-garden"),
            );
            let took = Some(("destroy-took", "402.11873ms"));
            about(
                out,
                context,
                "completed",
                About { guid: true, upper: true, took, ..About::default() },
            );
        }
        Message::TaskStarting => {
            head(out, "rep", 1, &format!("{operation}.task-processor.starting-task"));
            about(out, context, "reserved", About::default());
        }
        Message::TaskCompleting => {
            head(out, "rep", 1, &format!("{operation}.task-processor.completing-task"));
            about(out, context, "completed", About::default());
        }
        Message::GardenCreating => garden(out, context, "guardian.create.start"),
        Message::GardenCreated => garden(out, context, "guardian.create.created"),
        Message::GardenDestroyed => garden(out, context, "guardian.destroy.finished"),
        Message::GardenNetwork => {
            head(out, "guardian", 1, "guardian.create.network.config-create");
            let (bridge, gateway, subnet) = bridge(facts.address);
            let (address, cell) = (facts.address, context.cell_ip);
            let _ = write!(
                out,
                r#"{{"config":{{"ContainerHandle":"{handle}","HostIntf":"w{session}-0","ContainerIntf":"w{session}-1","IPTablePrefix":"w--","IPTableInstance":"{session}","BridgeName":"{bridge}","BridgeIP":"{gateway}","ContainerIP":"{address}","ExternalIP":"{cell}","Subnet":{{"IP":"{subnet}","Mask":"/////A=="}},"Mtu":1500}},"handle":"{handle}","session":"{session}.4","spec":""}}}}"#
            );
        }
    }
}

/// Writes a line that is about no container.
pub(super) fn noise(out: &mut Vec<u8>, era: &Facts, wall: i64, session: u64) {
    const MESSAGES: [&str; 4] = [
        "rep.running-bulker.sync.starting",
        "rep.running-bulker.sync.finished",
        "rep.auction-delegate.auction-fetch-state.starting",
        "rep.syncing-ticker.starting",
    ];
    let message = MESSAGES[session as usize % MESSAGES.len()];
    head(out, era.lager, wall, "rep", 1, message);
    let _ = write!(out, r#"{{"session":"{session}"}}}}"#);
}

fn head(out: &mut Vec<u8>, lager: Lager, wall: i64, source: &str, level: u8, message: &str) {
    match lager {
        // lager divides the nanoseconds as a float, so the last two digits are not exact.
        Lager::UnixEpoch => {
            #[expect(clippy::cast_precision_loss, reason = "as lager does")]
            let seconds = wall as f64 / 1e9;
            let _ = write!(
                out,
                r#"{{"timestamp":"{seconds:.9}","source":"{source}","message":"{message}","log_level":{level},"data":"#
            );
        }
        Lager::Rfc3339 => {
            let level = ["debug", "info", "error", "fatal"][usize::from(level)];
            out.extend(br#"{"timestamp":""#);
            rfc3339(out, wall, 9, "Z");
            let _ = write!(
                out,
                r#"","level":"{level}","source":"{source}","message":"{message}","data":"#
            );
        }
    }
}

/// The usual keys in a line.
#[derive(Debug, Clone, Copy, Default)]
struct About {
    /// `Guid`.
    upper: bool,
    guid: bool,
    took: Option<(&'static str, &'static str)>,
    info: bool,
    net_info: bool,
    /// Whether it lacks `lrp-key` and `lrp-instance-key`.
    anonymous: bool,
}

fn about(out: &mut Vec<u8>, context: &Context<'_>, state: &str, about: About) {
    let Context { facts, cell_id, cell_ip, session, era, .. } = *context;
    let handle = &facts.handle;
    out.push(b'{');
    if about.upper {
        let _ = write!(out, r#""Guid":"{handle}","#);
    }
    let _ = write!(out, r#""container-guid":"{handle}","container-state":"{state}","#);
    if let Some((key, took)) = about.took {
        let _ = write!(out, r#""{key}":"{took}","#);
    }
    if about.guid {
        let _ = write!(out, r#""guid":"{handle}","#);
    }
    if about.info {
        info(out, context);
    }
    if let (Some(process), Some(index), false) = (&facts.process_guid, facts.index, about.anonymous)
    {
        let instance = &facts.instance_guid;
        let _ = write!(
            out,
            r#""lrp-instance-key":{{"instance_guid":"{instance}","cell_id":"{cell_id}"}},"lrp-key":{{"process_guid":"{process}","index":{index},"domain":"cf-apps"}},"#
        );
    }
    if about.net_info {
        let port = host_port(handle);
        let tls = if era.tls_ports {
            format!(r#","container_tls_proxy_port":61001,"host_tls_proxy_port":{}"#, port + 2)
        } else {
            String::new()
        };
        let _ = write!(
            out,
            r#""net_info":{{"address":"{cell_ip}","ports":[{{"container_port":8080,"host_port":{port}{tls}}},{{"container_port":2222,"host_port":{}}}]"#,
            port + 1
        );
        if era.instance_address {
            let _ = write!(out, r#","instance_address":"{}""#, facts.address);
        }
        out.extend(if era.tls_ports {
            &br#","preferred_address":"HOST"},"routable":true,"#[..]
        } else {
            b"},"
        });
    }
    let _ = write!(out, r#""session":"{session}.1.1"}}}}"#);
}

/// Returns the cell's port for a container's first one. Garden maps a port when it creates the
/// container, so all lines about it name the same.
fn host_port(handle: &str) -> u32 {
    let digest =
        handle.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    60_000 + digest % 5_000
}

/// Writes executor's whole container, with names.
fn info(out: &mut Vec<u8>, context: &Context<'_>) {
    let Context { facts, names, cell_ip, .. } = *context;
    let (Some(app), Some(space), Some(org), Some(names)) =
        (facts.app, facts.space, facts.org, names)
    else {
        return;
    };
    let (handle, index) = (&facts.handle, facts.index.unwrap_or(0));
    let NameSet { app: app_name, space: space_name, org: org_name } = names;
    let process = facts.process_guid.as_deref().unwrap_or_default();
    let process_id = process.get(..36).unwrap_or(handle);
    let rules: Vec<_> = (0..12)
        .map(|n| format!(r#"{{"protocol":"tcp","destinations":["10.0.{n}.0/24"],"ports":[443],"log":true,"annotations":["security_group_id:2c279d6c-6f15-4cc0-99ed-72ef76ec50e{}"]}}"#, n % 10))
        .collect();
    let _ = write!(
        out,
        r#""info":{{"guid":"{handle}","memory_mb":1056,"disk_mb":1024,"max_pids":1024,"rootfs":"preloaded:cflinuxfs4","cpu_weight":1,"ports":[{{"container_port":8080,"host_port":0}}],"internal_routes":null,"log_config":{{"guid":"{app}","index":{index},"source_name":"CELL","tags":{{"app_id":"{app}","app_name":"{app_name}","instance_id":"{index}","organization_id":"{org}","organization_name":"{org_name}","process_id":"{process_id}","process_instance_id":"{handle}","process_type":"web","source_id":"{app}","space_id":"{space}","space_name":"{space_name}"}}}},"start_timeout_ms":60000,"privileged":false,"setup":null,"run":null,"egress_rules":[{}],"network":{{"properties":{{"app_id":"{app}","container_workload":"app","org_id":"{org}","policy_group_id":"{app}","ports":"8080","space_id":"{space}"}}}},"Tags":{{"domain":"cf-apps","instance-guid":"{handle}","lifecycle":"lrp","process-guid":"{process}","process-index":"{index}"}},"state":"created","external_ip":"{cell_ip}","internal_ip":"{}"}},"#,
        rules.join(","),
        facts.address,
    );
}

fn garden(out: &mut Vec<u8>, context: &Context<'_>, message: &str) {
    let Context { era, facts, session, wall, .. } = *context;
    head(out, era.lager, wall, "guardian", 1, message);
    let _ = write!(out, r#"{{"handle":"{}","session":"{session}"}}}}"#, facts.handle);
}

/// Returns guardian's bridge for an address, the bridge's own address, and their subnet of four.
pub(super) fn bridge(address: IpAddr) -> (String, IpAddr, IpAddr) {
    let IpAddr::V4(v4) = address else { return (String::new(), address, address) };
    let subnet = u32::from(v4) & !3;
    (format!("wbrdg-{subnet:08x}"), IpAddr::V4((subnet + 1).into()), IpAddr::V4(subnet.into()))
}
