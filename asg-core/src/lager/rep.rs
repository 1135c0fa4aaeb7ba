//! What a lager line says about a container, whatever component wrote it.

use std::net::IpAddr;

use serde::Serialize;

use super::RepEventKind;
use super::json::{JsonStr, Object};
use crate::{Moment, Timestamp};

/// A line about a container. What it does not say is `None`.
///
/// Serialised, it is the `rep` object of the output contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RepEvent<'a> {
    /// When, by the component's clock.
    #[serde(skip)]
    pub time: Option<Timestamp>,
    /// The component: `rep`, `guardian`, `bbs`, …
    #[serde(skip)]
    pub source: JsonStr<'a>,
    /// Component, session path and action.
    #[serde(skip)]
    pub message: JsonStr<'a>,
    /// The container's name, where the line says that it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<JsonStr<'a>>,
    /// What runs in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_guid: Option<JsonStr<'a>>,
    /// The instance of an LRP. Since Diego 0.1470 the container's handle is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_guid: Option<JsonStr<'a>>,
    /// Which instance of the process, from 0.
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
    /// What the message says about the container's life.
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
    /// Names, where the line has them: executor's `container-created`.
    #[serde(skip)]
    pub names: Option<Box<Names<'a>>>,
}

/// The identity that a line spells out.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Names<'a> {
    /// The app's GUID.
    pub app_guid: Option<JsonStr<'a>>,
    /// The app's name.
    pub app_name: Option<JsonStr<'a>>,
    /// The space's GUID.
    pub space_guid: Option<JsonStr<'a>>,
    /// The space's name.
    pub space_name: Option<JsonStr<'a>>,
    /// The org's GUID.
    pub org_guid: Option<JsonStr<'a>>,
    /// The org's name.
    pub org_name: Option<JsonStr<'a>>,
    /// `web`, `worker`, …
    pub process_type: Option<JsonStr<'a>>,
}

/// Keys that name a container, the surest first. A task's GUID is its container's handle.
const HANDLE: &[&str] = &["container-guid", "guid", "Guid", "handle", "task-guid", "task_guid"];
const INSTANCE: &[&str] = &["lrp-instance-key", "actual_lrp_instance_key", "instance_key"];
const LRP: &[&str] = &["lrp-key", "actual_lrp_key", "lrp_key", "key"];
const NET_INFO: &[&str] = &["net_info", "net-info"];

impl<'a> RepEvent<'a> {
    /// Reads `data`; `None` if it names neither container, instance nor process.
    pub(super) fn read(
        time: Option<Timestamp>,
        source: JsonStr<'a>,
        message: JsonStr<'a>,
        data: &Object<'a>,
    ) -> Option<Self> {
        let event = RepEventKind::of(&message);
        let (info, config) = (data.object(&["info"]), data.object(&["config"]));
        let (failed, request) = (data.object(&["failed-request"]), data.object(&["request"]));
        let tags = [&info, &failed].into_iter().flatten().find_map(|o| o.object(&["Tags", "tags"]));
        let tag = |key: &str| tags.as_ref().and_then(|tags| tags.string(&[key]));
        let in_object = |object: &Option<Object<'a>>, keys: &[&str]| {
            object.as_ref().and_then(|o| o.string(keys))
        };

        // Some lines put an object under `instance_guid`, and cancel-task puts the task's GUID under `instance-guid`.
        let nested_key = data.object(&["instance_guid"]);
        let instance_key = data.object(INSTANCE).or(nested_key);
        let instance_guid = in_object(&instance_key, &["instance_guid"])
            .or_else(|| data.string(&["instance-guid", "instance_guid"]))
            .or_else(|| tag("instance-guid"));
        let is_task = message.contains(".cancel-task");
        let handle = data
            .string(HANDLE)
            .or_else(|| in_object(&config, &["ContainerHandle"]))
            .or_else(|| in_object(&info, &["guid", "Guid", "handle"]))
            .or_else(|| in_object(&failed, &["Guid", "guid"]))
            .or_else(|| in_object(&request, &["Handle", "handle"]))
            .or_else(|| if is_task { instance_guid.clone() } else { None })
            .or_else(|| dumped(data));
        let instance_guid = instance_guid.filter(|_| !is_task);

        let lrp = data.object(LRP);
        let process_guid = in_object(&lrp, &["process_guid"])
            .or_else(|| data.string(&["process-guid", "process_guid"]))
            .or_else(|| tag("process-guid"));
        if handle.is_none() && instance_guid.is_none() && process_guid.is_none() {
            return None;
        }

        let index = lrp
            .as_ref()
            .and_then(|lrp| lrp.number(&["index"]))
            .or_else(|| tags.as_ref()?.number(&["process-index"]))
            .or_else(|| process_guid.is_some().then(|| data.number(&["index"]))?);
        let net_info = data.object(NET_INFO);
        let address = |text: Option<JsonStr<'a>>| text.and_then(|text| text.parse().ok());
        let container_ip = in_object(&net_info, &["instance_address"])
            .or_else(|| in_object(&info, &["internal_ip"]))
            .or_else(|| in_object(&config, &["ContainerIP"]));
        let cell_ip = in_object(&net_info, &["address"])
            .or_else(|| in_object(&info, &["external_ip"]))
            .or_else(|| in_object(&config, &["ExternalIP"]));
        Some(Self {
            time,
            source,
            message,
            handle,
            process_guid,
            instance_guid,
            index,
            domain: in_object(&lrp, &["domain"]).or_else(|| tag("domain")),
            cell_id: in_object(&instance_key, &["cell_id"]),
            container_ip: address(container_ip),
            event,
            cell_ip: address(cell_ip),
            container_ipv6: address(in_object(&net_info, &["instance_ipv6_address"])),
            bridge: in_object(&config, &["BridgeName"]),
            names: info.as_ref().and_then(Names::read).map(Box::new),
        })
    }

    /// The container: its handle, or else the instance GUID. Where the two differ (Diego before 0.1470), no handle and so no
    /// log prefix begins like an instance GUID, and nothing can be mistaken for it.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.handle.as_deref().or(self.instance_guid.as_deref())
    }

    /// The event as the ledger takes it.
    #[must_use]
    pub const fn moment(&self) -> Moment {
        match self.event {
            RepEventKind::Created => Moment::Created,
            RepEventKind::Destroyed => Moment::Destroyed,
            _ => Moment::Seen,
        }
    }

    pub(super) fn into_owned(self) -> RepEvent<'static> {
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
        }
    }
}

impl<'a> Names<'a> {
    /// From executor's `info`: the tags of `log_config` have names too, the network properties only GUIDs.
    fn read(info: &Object<'a>) -> Option<Self> {
        let tags = info.object(&["log_config"]).and_then(|config| config.object(&["tags"]));
        let properties =
            info.object(&["network"]).and_then(|network| network.object(&["properties"]));
        let either = |tag: &str, property: &str| {
            let tag = tags.as_ref().and_then(|tags| tags.string(&[tag]));
            tag.or_else(|| properties.as_ref().and_then(|p| p.string(&[property])))
        };
        let names = Self {
            app_guid: either("app_id", "app_id"),
            app_name: either("app_name", ""),
            space_guid: either("space_id", "space_id"),
            space_name: either("space_name", ""),
            org_guid: either("organization_id", "org_id"),
            org_name: either("organization_name", ""),
            process_type: either("process_type", ""),
        };
        (names != Self::default()).then_some(names)
    }

    fn into_owned(self) -> Names<'static> {
        let own = |text: Option<JsonStr<'a>>| text.map(JsonStr::into_owned);
        Names {
            app_guid: own(self.app_guid),
            app_name: own(self.app_name),
            space_guid: own(self.space_guid),
            space_name: own(self.space_name),
            org_guid: own(self.org_guid),
            org_name: own(self.org_name),
            process_type: own(self.process_type),
        }
    }
}

/// Where lager could not serialise the data it wrote a Go dump of it, in which strings survive:
/// `"container-guid":"bfce786c-…"`.
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
