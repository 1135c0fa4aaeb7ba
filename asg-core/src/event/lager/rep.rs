//! The container event of a lager line, from any component.

use std::net::IpAddr;

use serde::Serialize;

use super::RepEventKind;
use crate::bytes::json::{JsonStr, Object, agreed};
use crate::event::Moment;
use crate::names::Names;
use crate::time::Timestamp;

/// A line about a container. A fact that the line does not show is `None`.
///
/// Serialised, it is the `rep` object of the output contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RepEvent<'a> {
    /// The time, by the component's clock.
    #[serde(skip)]
    pub time: Option<Timestamp>,
    /// The component: `rep`, `guardian`, `bbs`, …
    #[serde(skip)]
    pub source: JsonStr<'a>,
    /// Component, session path and action.
    #[serde(skip)]
    pub message: JsonStr<'a>,
    /// The container's name, if the line marks it as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<JsonStr<'a>>,
    /// The process that runs in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_guid: Option<JsonStr<'a>>,
    /// The instance of an LRP. Since Diego 0.1470 it is also the container's handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_guid: Option<JsonStr<'a>>,
    /// The index of the instance in the process, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// `cf-apps` for LRPs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<JsonStr<'a>>,
    /// The cell's own name for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell_id: Option<JsonStr<'a>>,
    /// The container's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_ip: Option<IpAddr>,
    /// The event of the container's lifecycle.
    pub event: RepEventKind,
    /// The cell's address.
    #[serde(skip)]
    pub cell_ip: Option<IpAddr>,
    /// The container's IPv6 address.
    #[serde(skip)]
    pub container_ipv6: Option<IpAddr>,
    /// Guardian's bridge, which is `IN=` of the container's packets.
    #[serde(skip)]
    pub bridge: Option<JsonStr<'a>>,
    /// Names, if the line has them: executor's `container-created`.
    #[serde(skip)]
    pub names: Option<Box<Names<'a>>>,
    /// Whether places of the line contradict each other about the container, its address or its
    /// process.
    #[serde(skip)]
    pub is_contradictory: bool,
    /// Whether the line is silk's notice that its agent has just put the rules of security groups
    /// into the container's chain.
    #[serde(skip)]
    pub rules_updated: bool,
}

/// Keys that name a container. A task's GUID is its container's handle.
const HANDLE: &[&str] = &["container-guid", "guid", "Guid", "handle", "task-guid", "task_guid"];
const INSTANCE: &[&str] = &[
    "lrp-instance-key",
    "lrp-container-key",
    "actual_lrp_instance_key",
    "instance_key",
    "instance_guid",
];
const LRP: &[&str] = &["lrp-key", "actual_lrp_key", "lrp_key", "key"];
const NET_INFO: &[&str] = &["net_info", "net-info"];

impl<'a> RepEvent<'a> {
    /// Creates an event without a container.
    pub(super) const fn new(
        time: Option<Timestamp>,
        source: JsonStr<'a>,
        message: JsonStr<'a>,
        event: RepEventKind,
    ) -> Self {
        Self {
            time,
            source,
            message,
            handle: None,
            process_guid: None,
            instance_guid: None,
            index: None,
            domain: None,
            cell_id: None,
            container_ip: None,
            event,
            cell_ip: None,
            container_ipv6: None,
            bridge: None,
            names: None,
            is_contradictory: false,
            rules_updated: false,
        }
    }

    /// Returns an event that only shows that a container was seen.
    pub(crate) const fn seen(source: &'static str, message: &'static str) -> Self {
        Self::new(None, JsonStr::borrowed(source), JsonStr::borrowed(message), RepEventKind::Seen)
    }

    /// Parses `data`; `None` if it names no container, instance or process. Places that contradict
    /// each other count as absent.
    pub(super) fn extract(
        time: Option<Timestamp>,
        source: JsonStr<'a>,
        message: JsonStr<'a>,
        data: &Object<'a>,
    ) -> Option<Self> {
        let event = RepEventKind::of(&message);
        let at = |keys: &[&str]| Places::of(data, keys);
        let (info, config) = (at(&["info"]), at(&["config"]));
        let (failed, request) = (at(&["failed-request"]), at(&["request"]));
        // The tags that executor attaches to a container: an object of their own, and in 2015 among
        // Garden's properties.
        let properties = request.inside(&["properties", "Properties"]).0;
        let mut tags = info.inside(&["Tags", "tags"]);
        tags.0.extend(failed.inside(&["Tags", "tags"]).0);
        tags.0.extend(properties.iter().map(Object::without_tag));

        let mut is_contradictory = false;
        // Some lines put an object under `instance_guid`, and cancel-task puts the task's GUID
        // under `instance-guid`.
        let instance_key = at(INSTANCE);
        let instance_guid = settled(
            &mut is_contradictory,
            instance_key
                .strings(&["instance_guid"])
                .chain(data.strings(&["instance-guid", "instance_guid"]))
                .chain(tags.strings(&["instance-guid"])),
        )
        .filter(|name| !names_process(name));
        let is_task = message.contains(".cancel-task");
        let handle = settled(
            &mut is_contradictory,
            data.strings(HANDLE)
                .chain(config.strings(&["ContainerHandle"]))
                .chain(info.strings(&["guid", "Guid", "handle"]))
                .chain(failed.strings(&["Guid", "guid"]))
                .chain(request.strings(&["Handle", "handle"]))
                .chain(instance_guid.clone().filter(|_| is_task).map(Some)),
        )
        .or_else(|| dumped(data))
        .filter(|name| !names_process(name));
        let instance_guid = instance_guid.filter(|_| !is_task);

        let lrp = at(LRP);
        let process_guid = settled(
            &mut is_contradictory,
            lrp.strings(&["process_guid"])
                .chain(data.strings(&["process-guid", "process_guid"]))
                .chain(tags.strings(&["process-guid"])),
        );
        if handle.is_none() && instance_guid.is_none() && process_guid.is_none() {
            return None;
        }
        is_contradictory |= is_of_two(
            handle.as_deref(),
            instance_guid.as_deref(),
            process_guid.as_deref(),
            data.string(&["request"]).as_deref(),
        );

        let beside: &[&str] = if process_guid.is_some() { &["index"] } else { &[] };
        let index = agreed(
            lrp.numbers(&["index"])
                .chain(tags.numbers(&["process-index"]))
                .chain(data.numbers(beside)),
        );
        let net_info = at(NET_INFO);
        let network = Networker::classify(&message, data);
        let container_ip = settled(
            &mut is_contradictory,
            net_info
                .strings(&["instance_address"])
                .chain(info.strings(&["internal_ip"]))
                .chain(config.strings(&["ContainerIP"]))
                .map(address)
                .chain([network.container_ip]),
        );
        let cell_ip = agreed(
            net_info
                .strings(&["address"])
                .chain(info.strings(&["external_ip"]))
                .chain(config.strings(&["ExternalIP"]))
                .map(address),
        );
        let names = names_in(&[
            info.inside(&["log_config"]).inside(&["tags"]),
            info.inside(&["network"]).inside(&["properties"]),
            Places(properties),
        ]);
        Some(Self {
            time,
            source,
            message,
            handle,
            process_guid,
            instance_guid,
            index,
            domain: agreed(lrp.strings(&["domain"]).chain(tags.strings(&["domain"]))),
            cell_id: agreed(instance_key.strings(&["cell_id"])),
            container_ip,
            event,
            cell_ip,
            container_ipv6: agreed(net_info.strings(&["instance_ipv6_address"]).map(address)),
            bridge: agreed(config.strings(&["BridgeName"])),
            names: names.or(network.names).map(Box::new),
            is_contradictory,
            rules_updated: false,
        })
    }

    /// Returns the container: its handle, or else the instance GUID. If the two differ (Diego
    /// before 0.1470), no handle, and so no log prefix, begins like an instance GUID, so they
    /// cannot be confused.
    ///
    /// ```
    /// # use asg_core::{Content, Line, Record};
    /// let line = Line::new(
    ///     br#"{"timestamp":"1498136872.8","source":"guardian","log_level":1,
    ///         "message":"guardian.destroy.finished",
    ///         "data":{"handle":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#,
    /// );
    /// let Content::Rep(event) = Record::classify(&line).content else { panic!() };
    /// assert_eq!(event.container(), Some("d08bb414-cdba-4381-412a-e9ecc1b7d0f4"));
    /// ```
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.handle.as_deref().or(self.instance_guid.as_deref())
    }

    /// Returns the lifecycle event for the ledger.
    ///
    /// ```
    /// # use asg_core::{Content, Line, Record};
    /// let line = Line::new(
    ///     br#"{"timestamp":"1498136872.8","source":"guardian","log_level":1,
    ///         "message":"guardian.destroy.finished",
    ///         "data":{"handle":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#,
    /// );
    /// let Content::Rep(event) = Record::classify(&line).content else { panic!() };
    /// assert_eq!(event.moment(), asg_core::event::Moment::Seen);
    /// ```
    #[must_use]
    pub const fn moment(&self) -> Moment {
        self.event.moment()
    }

    /// Returns false if the container did not exist when the line was written: the line's facts
    /// about it are true, but not that it existed then.
    ///
    /// ```
    /// # use asg_core::{Content, Line, Record};
    /// let line = Line::new(
    ///     br#"{"timestamp":"1498136872.8","source":"guardian","log_level":1,
    ///         "message":"guardian.destroy.finished",
    ///         "data":{"handle":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#,
    /// );
    /// let Content::Rep(event) = Record::classify(&line).content else { panic!() };
    /// assert!(event.was_there());
    /// ```
    #[must_use]
    pub const fn was_there(&self) -> bool {
        self.event.was_there()
    }

    pub(crate) fn into_owned(self) -> RepEvent<'static> {
        let own = |text: Option<JsonStr<'a>>| text.map(JsonStr::into_owned);
        RepEvent {
            time: self.time,
            source: self.source.into_owned(),
            message: self.message.into_owned(),
            handle: own(self.handle),
            process_guid: own(self.process_guid),
            instance_guid: own(self.instance_guid),
            index: self.index,
            domain: own(self.domain),
            cell_id: own(self.cell_id),
            container_ip: self.container_ip,
            event: self.event,
            cell_ip: self.cell_ip,
            container_ipv6: self.container_ipv6,
            bridge: own(self.bridge),
            names: self.names.map(|names| Box::new(names.into_owned())),
            is_contradictory: self.is_contradictory,
            rules_updated: self.rules_updated,
        }
    }
}

/// Returns the value that several places agree on. If they do not agree, the line contradicts
/// itself.
fn settled<T: PartialEq>(
    is_contradictory: &mut bool,
    said: impl IntoIterator<Item = Option<T>>,
) -> Option<T> {
    let mut said = said.into_iter().flatten();
    let first = said.next()?;
    let is_settled = said.all(|other| other == first);
    *is_contradictory |= !is_settled;
    is_settled.then_some(first)
}

/// Returns whether a line names two containers, or two processes: an instance GUID that is neither
/// the handle nor in it, or the path of a request to rep about another process or instance.
///
/// Source: rep `routes.go`, `/v1/lrps/:process_guid/instances/:instance_guid/…`.
pub(super) fn is_of_two(
    handle: Option<&str>,
    instance: Option<&str>,
    process: Option<&str>,
    request: Option<&str>,
) -> bool {
    let differ = |handle: &str, instance: &str| handle != instance && !handle.ends_with(instance);
    if let (Some(handle), Some(instance)) = (handle, instance)
        && differ(handle, instance)
    {
        return true;
    }
    let Some(path) = request.and_then(|path| path.strip_prefix("/v1/lrps/")) else { return false };
    let mut parts = path.split('/');
    let (asked_process, word, asked_instance) = (parts.next(), parts.next(), parts.next());
    if process.zip(asked_process).is_some_and(|(named, asked)| named != asked) {
        return true;
    }
    let asked = asked_instance.filter(|_| word == Some("instances"));
    let names = [handle, instance].into_iter().flatten();
    asked.is_some_and(|asked| names.into_iter().any(|name| differ(name, asked)))
}

/// Objects that may hold the same facts: none, one, or several.
#[derive(Default)]
struct Places<'j>(Vec<Object<'j>>);

impl<'j> Places<'j> {
    /// Returns the objects under these keys.
    fn of(object: &Object<'j>, keys: &[&str]) -> Self {
        Self(object.objects(keys).collect())
    }

    /// Parses the object that a string holds.
    fn in_text(text: Option<&'j str>) -> Self {
        Self(text.and_then(|text| Object::parse(text.as_bytes()).ok()).into_iter().collect())
    }

    fn inside(&self, keys: &[&str]) -> Self {
        Self(self.0.iter().flat_map(|object| object.objects(keys)).collect())
    }

    fn strings(&self, keys: &[&str]) -> impl Iterator<Item = Option<JsonStr<'j>>> {
        self.0.iter().flat_map(|object| object.strings(keys))
    }

    fn numbers(&self, keys: &[&str]) -> impl Iterator<Item = Option<u32>> {
        self.0.iter().flat_map(|object| object.numbers(keys))
    }
}

fn address(text: Option<JsonStr<'_>>) -> Option<IpAddr> {
    text?.parse().ok()
}

/// Returns whether a name is one of executor's for processes inside a container: `<handle>-envoy`,
/// `<handle>-liveness-healthcheck-0`.
pub(crate) fn names_process(name: &str) -> bool {
    let before_number = name.trim_end_matches(|c: char| c.is_ascii_digit());
    name.ends_with("-envoy") || before_number.ends_with("-healthcheck-")
}

/// The input and output of Garden's program that sets up a container's network: JSON inside strings
/// of the data.
///
/// Source: guardian `netplugin/external_networker.go`: `UpInputs`, `UpOutputs`, `NetInInputs`,
/// `NetOutInputs`.
#[derive(Default)]
struct Networker {
    container_ip: Option<IpAddr>,
    names: Option<Names<'static>>,
}

impl Networker {
    fn classify(message: &str, data: &Object<'_>) -> Self {
        if !message.ends_with("external-networker-result") {
            return Self::default();
        }
        let (stdin, stdout) = (data.string(&["stdin"]), data.string(&["stdout"]));
        let given = Places::in_text(stdin.as_deref());
        let got = Places::in_text(stdout.as_deref()).inside(&["properties", "Properties"]);
        Self {
            container_ip: agreed(
                given
                    .strings(&["ContainerIP", "container_ip"])
                    .chain(got.strings(&["garden.network.container-ip"]))
                    .map(address),
            ),
            names: names_in(&[given.inside(&["Properties"])]).map(Names::into_owned),
        }
    }
}

/// Extracts names from executor's metric tags, from Cloud Controller's network properties (which
/// only have GUIDs), or from Garden's properties, which prefix the latter with `network.`.
fn names_in<'a>(places: &[Places<'a>]) -> Option<Names<'a>> {
    let name = |keys: &[&str]| agreed(places.iter().flat_map(|place| place.strings(keys)));
    let names = Names {
        app_guid: name(&["app_id", "network.app_id"]),
        app_name: name(&["app_name"]),
        space_guid: name(&["space_id", "network.space_id"]),
        space_name: name(&["space_name"]),
        org_guid: name(&["organization_id", "org_id", "network.org_id"]),
        org_name: name(&["organization_name"]),
        process_type: name(&["process_type"]),
    };
    (names != Names::default()).then_some(names)
}

/// Extracts names from the network properties of a container.
pub(crate) fn names_of_properties(properties: Object<'_>) -> Option<Names<'_>> {
    names_in(&[Places(vec![properties])])
}

/// Finds the container in a Go dump, which lager wrote if it could not serialise the data. Strings
/// survive in it: `"container-guid":"bfce786c-…"`.
fn dumped<'a>(data: &Object<'a>) -> Option<JsonStr<'a>> {
    let dump = data.string(&["data_dump"])?;
    ["container-guid", "guid", "handle"].iter().find_map(|key| {
        let (_, rest) = dump.split_once(&format!("\"{key}\":\""))?;
        let (value, _) = rest.split_once('"')?;
        let fits =
            !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then(|| JsonStr::owned(value.to_owned()))
    })
}
