//! silk's iptables-logger: a packet with the identity that the cell knew for its address.

use serde::Serialize;

use crate::bytes::json::{JsonStr, Object};
use crate::time::Timestamp;

/// One line of iptables-logger. Its time is when the line was processed, not when the packet
/// passed; the identity is that of the container that had the address then, and is empty if none
/// had.
///
/// Serialised, it is the `logger` object of the output: flat, empty members left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LoggerEvent<'a> {
    /// The time when the line was written.
    #[serde(skip)]
    pub time: Option<Timestamp>,
    /// `egress` or `ingress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<JsonStr<'a>>,
    /// Whether the packet passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<bool>,
    /// Source address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_ip: Option<JsonStr<'a>>,
    /// Destination address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst_ip: Option<JsonStr<'a>>,
    /// Source port; 0 without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_port: Option<u32>,
    /// Destination port; 0 without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst_port: Option<u32>,
    /// `TCP`, `UDP`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<JsonStr<'a>>,
    /// The packet's mark, `0x1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<JsonStr<'a>>,
    /// ICMP type; also 0 for other protocols.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u32>,
    /// ICMP code; also 0 for other protocols.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u32>,
    /// The container's handle, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_id: Option<JsonStr<'a>>,
    /// The app's GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<JsonStr<'a>>,
    /// The space's GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space_guid: Option<JsonStr<'a>>,
    /// The org's GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_guid: Option<JsonStr<'a>>,
    /// The cell's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<JsonStr<'a>>,
    /// The cell's BOSH instance id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_guid: Option<JsonStr<'a>>,
}

impl<'a> LoggerEvent<'a> {
    pub(super) fn extract(time: Option<Timestamp>, data: &Object<'a>) -> Option<Self> {
        let packet = data.object(&["packet"])?;
        // Egress names the source, ingress the destination.
        let owner = data.object(&["source", "destination"]);
        let of_owner = |key: &str| owner.as_ref().and_then(|owner| owner.string(&[key]));
        Some(Self {
            time,
            direction: packet.string(&["direction"]),
            allowed: packet.bool("allowed"),
            src_ip: packet.string(&["src_ip"]),
            dst_ip: packet.string(&["dst_ip"]),
            src_port: packet.number(&["src_port"]),
            dst_port: packet.number(&["dst_port"]),
            protocol: packet.string(&["protocol"]),
            mark: packet.string(&["mark"]),
            icmp_type: packet.number(&["icmp_type"]),
            icmp_code: packet.number(&["icmp_code"]),
            container_id: of_owner("container_id"),
            app_guid: of_owner("app_guid"),
            space_guid: of_owner("space_guid"),
            organization_guid: of_owner("organization_guid"),
            host_ip: of_owner("host_ip"),
            host_guid: of_owner("host_guid"),
        })
    }

    pub(crate) fn into_owned(self) -> LoggerEvent<'static> {
        let own = |text: Option<JsonStr<'a>>| text.map(JsonStr::into_owned);
        LoggerEvent {
            time: self.time,
            direction: own(self.direction),
            allowed: self.allowed,
            src_ip: own(self.src_ip),
            dst_ip: own(self.dst_ip),
            src_port: self.src_port,
            dst_port: self.dst_port,
            protocol: own(self.protocol),
            mark: own(self.mark),
            icmp_type: self.icmp_type,
            icmp_code: self.icmp_code,
            container_id: own(self.container_id),
            app_guid: own(self.app_guid),
            space_guid: own(self.space_guid),
            organization_guid: own(self.organization_guid),
            host_ip: own(self.host_ip),
            host_guid: own(self.host_guid),
        }
    }
}
