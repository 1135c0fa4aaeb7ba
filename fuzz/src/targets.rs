//! The fuzz targets: one function each, which panics if a law is broken.
//!
//! They do not depend on libFuzzer, so the ordinary tests replay the corpora on a stable compiler
//! (`benches/tests/corpora.rs`).

#[path = "targets/answers.rs"]
mod answers;
#[path = "targets/chunking.rs"]
mod chunking;
#[path = "targets/decoder.rs"]
mod decoder;
#[path = "targets/documents.rs"]
mod documents;
#[path = "targets/export.rs"]
mod export;
#[path = "targets/lager.rs"]
mod lager;
#[path = "targets/layers.rs"]
mod layers;
#[path = "targets/ledger.rs"]
mod ledger;
#[path = "targets/line.rs"]
mod line;
#[path = "targets/pipeline.rs"]
mod pipeline;
#[path = "targets/record.rs"]
mod record;
#[path = "targets/reference.rs"]
mod reference;
#[path = "targets/rules.rs"]
mod rules;

pub(crate) use answers::answers;
pub(crate) use chunking::chunking;
pub(crate) use decoder::decoder;
pub(crate) use documents::documents;
pub(crate) use export::export;
pub(crate) use lager::lager;
pub(crate) use layers::{layers, wrapped};
pub(crate) use ledger::ledger;
pub(crate) use line::{line, render};
pub(crate) use pipeline::pipeline;
pub(crate) use record::record;
pub(crate) use reference::reference;
pub(crate) use rules::rules;

use asg_core::Packet;
use asg_core::bytes::Text;
use asg_core::packet::Lenient;

/// A target's name, which is the folder of its corpus, and its function.
pub(crate) const TARGETS: &[Target] = &[
    ("packet", packet),
    ("reference", reference),
    ("line", line),
    ("render", render),
    ("record", record),
    ("layers", layers),
    ("wrapped", wrapped),
    ("chunking", chunking),
    ("lager", lager),
    ("documents", documents),
    ("decoder", decoder),
    ("pipeline", pipeline),
    ("rules", rules),
    ("export", export),
    ("answers", answers),
    ("ledger", ledger),
];

pub(crate) type Target = (&'static str, fn(&[u8]));

/// Any bytes give a packet or an error with an offset inside them; a whole packet prints back.
pub(crate) fn packet(data: &[u8]) {
    let Some(Lenient { packet, stop, .. }) = Packet::parse_lenient(data) else { return };
    match stop {
        Some(error) => assert!(error.offset() <= data.len()),
        None => {
            let back = packet.to_line();
            let line = data.strip_suffix(b"\n").unwrap_or(data);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            assert!(
                back == line,
                "printed back: {:?}\nfrom: {:?}",
                Text::new(&back),
                Text::new(data)
            );
        }
    }
    let _ = (packet.network(), packet.ip.transport());
}
