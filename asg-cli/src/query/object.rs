//! Rows as objects of the output contracts.

use asg_core::TimePolicy;
use serde_json::{Map, Value as Json, json};

use super::columns::{COLUMNS, Column};
use super::row::{ReadRow, Row};
use super::saved::SavedRow;
use super::value::Value;
use crate::explain::explain_object;
use crate::origins;

/// Columns that are members of a packet under their own names.
const PACKET: [&str; 35] = [
    "proto",
    "src",
    "spt",
    "dst",
    "dpt",
    "len",
    "icmp_type",
    "icmp_code",
    "in",
    "out",
    "physin",
    "physout",
    "macsrc",
    "macdst",
    "family",
    "tos",
    "prec",
    "ttl",
    "hoplimit",
    "id",
    "df",
    "mf",
    "frag_offset",
    "seq",
    "ack",
    "window",
    "urgp",
    "udp_len",
    "icmp_id",
    "icmp_seq",
    "mtu",
    "uid",
    "gid",
    "mark",
    "prefix",
];

impl Row<'_> {
    /// Returns the row as an object: of `correlate` if it has an owner, else of `parse`; with its
    /// source.
    ///
    /// An object of a saved row has what the columns show: no candidates, and one line of evidence.
    #[must_use]
    pub fn to_object(&self, policy: &TimePolicy) -> Json {
        match self {
            Self::Read(read) => read.to_object(policy),
            Self::Saved(saved) if saved.has("certainty") => saved.flow(),
            Self::Saved(saved) => saved.record(),
        }
    }
}

impl ReadRow<'_> {
    fn to_object(&self, policy: &TimePolicy) -> Json {
        let object = match (self.flow, self.explained) {
            (Some(flow), Some(explained)) => {
                serde_json::to_value(explain_object(flow, explained, None))
            }
            (Some(flow), None) => serde_json::to_value(flow.to_output(origins::name)),
            (None, _) => serde_json::to_value(self.record.to_output(self.origin.line, policy)),
        };
        let mut object = object.unwrap_or_default();
        if let Json::Object(members) = &mut object {
            members.insert("source".into(), self.source.into());
            if self.flow.is_some() && self.explained.is_none() {
                self.label(members);
            }
        }
        object
    }

    /// Adds the caller's verdict and name of the destination to a flow.
    fn label(&self, members: &mut Map<String, Json>) {
        if let (None, Some(verdict)) = (self.cf, self.verdict()) {
            members.insert("verdict".into(), json!(verdict));
        }
        if let Some((name, _)) = self.destination_name() {
            members.insert("dst_name".into(), name.into());
        }
    }
}

impl SavedRow<'_> {
    fn json(&self, column: &str) -> Json {
        match Column::named(column).map_or(Value::Null, |column| self.value(column)) {
            Value::Int(number) => number.into(),
            Value::Millis(millis) => {
                json!(f64::from(u32::try_from(millis).unwrap_or(u32::MAX)) / 1_000.0)
            }
            Value::Bool(flag) => flag.into(),
            value => value.text().map_or(Json::Null, Json::from),
        }
    }

    /// Returns these columns under their own names, without missing values.
    fn members(&self, columns: &[&str]) -> Map<String, Json> {
        let member = |column: &&str| {
            let value = self.json(column);
            (!value.is_null()).then(|| ((*column).to_owned(), value))
        };
        columns.iter().filter_map(member).collect()
    }

    fn flow(&self) -> Json {
        const OWN: [&str; 16] = [
            "time",
            "source",
            "line",
            "cell",
            "verdict",
            "plane",
            "direction",
            "proto",
            "src",
            "spt",
            "dst",
            "dpt",
            "handle_prefix",
            "handle",
            "process_guid",
            "index",
        ];
        let mut object: Map<String, Json> =
            OWN.iter().map(|name| ((*name).to_owned(), self.json(name))).collect();
        let evidence = match (self.json("evidence_source"), self.json("evidence_line")) {
            (Json::Null, _) | (_, Json::Null) => Vec::new(),
            (source, line) => vec![json!({"source": source, "line": line})],
        };
        let entity = |guid, name: &str| {
            let mut object = json!({"guid": self.json(guid), "name": self.json(name)});
            let then = self.json(&format!("{name}_then"));
            if !then.is_null() {
                object["name_then"] = then;
            }
            object
        };
        let mut app = entity("app_guid", "app_name");
        app["state"] = match self.json("app_state") {
            Json::Null => "not_asked".into(),
            state => state,
        };
        let reason = self.json("app_state_reason");
        if !reason.is_null() {
            app["state_reason"] = reason;
        }
        let attribution = json!({
            "certainty": self.json("certainty"),
            "reason": self.json("reason"),
            "candidates": [],
            "evidence": evidence,
        });
        for (name, value) in [
            ("time_error", self.json("time_error")),
            ("also", json!([])),
            ("attribution", attribution),
            ("app", app),
            ("space", entity("space_guid", "space_name")),
            ("org", entity("org_guid", "org_name")),
            ("peer", Json::Null),
        ] {
            object.insert(name.to_owned(), value);
        }
        object.extend(self.members(&["dst_name"]));
        Json::Object(object)
    }

    fn record(&self) -> Json {
        let mut object = self.members(&["time", "source", "line", "host", "job"]);
        if let Some(micros) = self.int("uptime_us") {
            let uptime = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            object.insert("uptime".into(), uptime.into());
        }
        let cf =
            self.members(&["verdict", "plane", "direction", "subject", "handle_prefix", "tag"]);
        // A verdict alone is the caller's.
        if cf.contains_key("plane") {
            object.insert("cf".into(), cf.into());
        }
        let mut packet = self.members(&PACKET);
        if let Some(flags) = self.text("flags") {
            packet.insert("flags".into(), flags.split(' ').collect::<Vec<_>>().into());
        }
        let nested = ["src", "dst", "proto", "spt", "dpt"].iter().filter_map(|name| {
            let value = self.json(&format!("nested_{name}"));
            Some(((*name).to_owned(), value)).filter(|(_, value)| !value.is_null())
        });
        let nested: Map<String, Json> = nested.collect();
        if !nested.is_empty() {
            packet.insert("nested".into(), nested.into());
        }
        object.insert("packet".into(), packet.into());
        let error = self.text("error");
        if let Some(message) = error {
            let offset = self.json("error_offset");
            object.insert("error".into(), json!({"offset": offset, "message": message}));
        }
        object.insert("kind".into(), if error.is_some() { "damaged" } else { "packet" }.into());
        Json::Object(object)
    }

    fn has(&self, column: &str) -> bool {
        COLUMNS.iter().any(|known| known.name == column && self.has_column(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_saved_in_columns_that_exist() {
        let missing: Vec<_> = PACKET.iter().filter(|name| Column::named(name).is_none()).collect();
        assert_eq!(missing, Vec::<&&str>::new());
    }
}
