//! Flows as a table for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use asg_core::{AppState, Certainty, Flow, Identity, Plane, Subject, Verdict};

const HEADS: [&str; 7] =
    ["TIME (UTC)", "CELL", "VERDICT", "APP", "SOURCE", "DESTINATION", "CERTAINTY"];

/// Rows that are held until their widths are known: a screenful or so, that a stream shows soon.
const HELD: usize = 512;

/// Lays flows out in columns as wide as what is in them. Memory does not grow with the number of flows.
#[derive(Debug)]
pub struct Table<W: Write> {
    out: W,
    widths: [usize; 7],
    held: Vec<[String; 7]>,
    is_headed: bool,
}

impl<W: Write> Table<W> {
    /// A table without rows.
    pub fn new(out: W) -> Self {
        Self { out, widths: HEADS.map(str::len), held: Vec::new(), is_headed: false }
    }

    /// Adds a flow; `is_named` tells whether a directory was asked for names.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn add(&mut self, flow: &Flow<'_, '_>, is_named: bool) -> io::Result<()> {
        self.held.push(row(flow, is_named));
        if self.held.len() == HELD { self.show() } else { Ok(()) }
    }

    /// Shows the rows that are held.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn finish(&mut self) -> io::Result<()> {
        self.show()?;
        self.out.flush()
    }

    fn show(&mut self) -> io::Result<()> {
        for row in &self.held {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let heads = (!self.is_headed && !self.held.is_empty()).then(|| HEADS.map(str::to_owned));
        self.is_headed |= heads.is_some();
        for row in heads.iter().chain(&self.held) {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(self.widths).enumerate() {
                let arrow =
                    if column == 5 { if row[5] == HEADS[5] { "   " } else { "→  " } } else { "" };
                let _ = write!(line, "{arrow}{cell:width$}  ");
            }
            writeln!(self.out, "{}", line.trim_end())?;
        }
        self.held.clear();
        Ok(())
    }
}

fn row(flow: &Flow<'_, '_>, is_named: bool) -> [String; 7] {
    let dash = || "-".to_owned();
    let ip = &flow.packet.ip;
    let end = |address: Option<asg_core::Address>, port: Option<u16>| {
        let address = address.map_or_else(dash, |a| a.to_string());
        let address = if address.is_empty() { "(blanked)".to_owned() } else { address };
        match port {
            Some(port) if address.contains(':') => format!("[{address}]:{port}"),
            Some(port) => format!("{address}:{port}"),
            None => address,
        }
    };
    let proto = ip.proto.map_or_else(String::new, |proto| format!(" {proto}"));
    [
        flow.time.map_or_else(dash, |time| {
            time.to_string().chars().take(19).collect::<String>().replace('T', " ")
        }),
        flow.cell.as_deref().map_or_else(dash, short_cell),
        verdict(flow),
        owner(flow, is_named),
        end(ip.src, ip.spt),
        end(ip.dst, ip.dpt) + &proto,
        certainty(flow),
    ]
}

/// A BOSH instance id by its first group, as people do.
fn short_cell(cell: &str) -> String {
    match asg_core::Guid::parse(cell.as_bytes()) {
        Ok(_) => cell[..8].to_owned(),
        Err(_) => cell.to_owned(),
    }
}

fn verdict(flow: &Flow<'_, '_>) -> String {
    let Some(cf) = flow.cf else { return "-".to_owned() };
    let plane = match cf.plane {
        Plane::Asg => "",
        Plane::C2c => " c2c",
        Plane::RateLimit => " rate limit",
    };
    let verdict = match cf.verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
    };
    format!("{verdict}{plane}")
}

/// `org/space/app`, the process type where it is not the web process, the instance, and what became of the app.
fn owner(flow: &Flow<'_, '_>, is_named: bool) -> String {
    let container = flow.attribution.container();
    let mut text = match flow.identity {
        Some(identity) if is_named => named(identity),
        _ => None,
    }
    .or_else(|| flow.attribution.process().map(|process| format!("process {process}")))
    .or_else(|| flow.attribution.subject().map(|guid| format!("task or app {guid}")))
    .or_else(|| container.map(|container| format!("container {}", container.handle())))
    .unwrap_or_else(|| "-".to_owned());
    if let Some(kind) =
        flow.identity.and_then(|i| i.process_type.as_deref()).filter(|kind| *kind != "web")
    {
        let _ = write!(text, " {kind}");
    }
    if let Some(index) = container.and_then(asg_core::Lifetime::index) {
        let _ = write!(text, " #{index}");
    }
    match flow.identity.map(|i| (i.state, i.deleted_at)) {
        Some((AppState::Deleted, Some(at))) => {
            let day: String = at.to_string().chars().take(10).collect();
            let _ = write!(text, " (deleted {day})");
        }
        Some((AppState::Deleted, None)) => text.push_str(" (deleted)"),
        Some((AppState::Hidden, _)) => text.push_str(" (hidden from this token)"),
        Some((AppState::Unknown, _)) if is_named => text.push_str(" (not in the directory)"),
        _ => {}
    }
    // A policy line names the app that the packet goes to.
    if flow.cf.is_some_and(|cf| {
        cf.direction == asg_core::Direction::Ingress && cf.subject != Subject::None
    }) {
        text.insert_str(0, "to ");
    }
    text
}

fn named(identity: &Identity) -> Option<String> {
    identity.path()
}

fn certainty(flow: &Flow<'_, '_>) -> String {
    let reason = flow.attribution.reason.sentence();
    match flow.attribution.certainty {
        Certainty::Exact => "exact".to_owned(),
        Certainty::UniquePrefix => "unique prefix".to_owned(),
        Certainty::Inferred => format!("inferred: {reason}"),
        Certainty::Ambiguous => format!("ambiguous: {reason}"),
        Certainty::Unknown => format!("unknown: {reason}"),
    }
}
