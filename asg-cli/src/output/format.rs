//! The formats of outputs.

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
}

impl Format {
    const ALL: [(&str, Self); 5] = [
        ("table", Self::Table),
        ("ndjson", Self::Ndjson),
        ("csv", Self::Csv),
        ("parquet", Self::Parquet),
        ("summary", Self::Summary),
    ];

    /// The format with this name, in capitals or not. JSON is lines of JSON.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match &*name.to_ascii_lowercase() {
            "jsonl" | "json" => Some(Self::Ndjson),
            name => Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// A few words about it.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Table => "for people",
            Self::Ndjson => "one JSON object a line",
            Self::Csv => "all columns",
            Self::Parquet => "all columns, into a file",
            Self::Summary => "counts: who, how often, how sure",
        }
    }
}
