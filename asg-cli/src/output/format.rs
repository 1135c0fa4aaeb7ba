//! The formats of outputs.

use asg_core::siem::Standard;

/// How an output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Ndjson,
    Csv,
    Parquet,
    Summary,
    /// The counts as one JSON object.
    SummaryJson,
    /// Records of another standard, one a line.
    Standard(Standard),
}

impl Format {
    const ALL: [(&str, Self); 11] = [
        ("table", Self::Table),
        ("ndjson", Self::Ndjson),
        ("csv", Self::Csv),
        ("parquet", Self::Parquet),
        ("summary", Self::Summary),
        ("summary-json", Self::SummaryJson),
        ("ecs", Self::Standard(Standard::Ecs)),
        ("ocsf", Self::Standard(Standard::Ocsf)),
        ("otlp", Self::Standard(Standard::Otlp)),
        ("cef", Self::Standard(Standard::Cef)),
        ("cim", Self::Standard(Standard::Cim)),
    ];

    /// Returns the format with this name, in capitals or not. JSON is lines of JSON.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match &*name.to_ascii_lowercase() {
            "jsonl" | "json" => Some(Self::Ndjson),
            name => Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format),
        }
    }

    /// Returns whether it counts flows and shows none.
    pub(crate) const fn is_summary(self) -> bool {
        matches!(self, Self::Summary | Self::SummaryJson)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// Returns a few words about it.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Table => "for people",
            Self::Ndjson => "one JSON object a line",
            Self::Csv => "all columns",
            Self::Parquet => "all columns, into a file",
            Self::Summary => "counts: who, how often, how sure",
            Self::SummaryJson => "the same counts as one JSON object",
            Self::Standard(Standard::Ecs) => "Elastic Common Schema",
            Self::Standard(Standard::Ocsf) => "OCSF, Network Activity",
            Self::Standard(Standard::Otlp) => "OpenTelemetry logs as OTLP/JSON",
            Self::Standard(Standard::Cef) => "Common Event Format",
            Self::Standard(_) => "Splunk's Common Information Model",
        }
    }
}
