//! Of flows whose sender an earlier one had, a row is made of what the packet alone decides. It has
//! the cells of a whole row, whatever the shape of the packet.

use std::fmt::Write as _;
use std::path::Path;

use arrow_array::RecordBatch;
use asg_cli::output::csv::{self, Formulas};
use asg_cli::query::{Given, Query};

/// The text behind the source address, for each common shape. `#` is another number in each packet.
const SHAPES: [(bool, &str); 12] = [
    (false, "PROTO=TCP SPT=#1 DPT=8# WINDOW=27# RES=0x00 SYN URGP=0 "),
    (false, "PROTO=TCP SPT=#1 DPT=8# WINDOW=27# RES=0x00 ACK FIN URGP=# MARK=0x1# "),
    (false, "PROTO=TCP SPT=#1 DPT=8# SEQ=42949# ACK=# WINDOW=27# RES=0x00 ACK URGP=0 "),
    (false, "PROTO=UDP SPT=#6 DPT=53 LEN=4# "),
    (false, "PROTO=UDP SPT=#6 DPT=53 LEN=4# MARK=0x1# "),
    (false, "PROTO=ICMP TYPE=8 CODE=0 ID=17# SEQ=# "),
    (true, "PROTO=TCP SPT=#1 DPT=8# WINDOW=27# RES=0x00 SYN URGP=0 "),
    (true, "PROTO=TCP SPT=#1 DPT=8# SEQ=42949# ACK=# WINDOW=27# RES=0x00 ACK URGP=0 "),
    (true, "PROTO=UDP SPT=#6 DPT=53 LEN=4# "),
    (true, "PROTO=UDP SPT=#6 DPT=53 LEN=4# MARK=0x1# "),
    (true, "PROTO=ICMPv6 TYPE=128 CODE=0 ID=17# SEQ=# "),
    (true, "PROTO=ICMPv6 TYPE=129 CODE=0 ID=17# SEQ=# MARK=0xa# "),
];

/// Packets of one container, of all shapes by turns, with different numbers.
fn log(path: &Path) -> usize {
    const ROUNDS: usize = 7;
    let mut text = String::new();
    for round in 1..=ROUNDS {
        for (n, (is_ipv6, transport)) in SHAPES.into_iter().enumerate() {
            let transport = transport.replace('#', &round.to_string());
            let second = round * 5 + n / 3;
            let seen = format!("2024-05-06T07:09:{second:02}.{n:06}Z cell-1 kernel: [637.{n:06}]");
            let head = format!("{seen} OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0");
            let ip = if is_ipv6 {
                let (src, dst) = ["1", "2"]
                    .map(|end| format!("fd00:000a:0000:0000:0000:0000:0000:000{end}"))
                    .into();
                format!(
                    "SRC={src} DST={dst} LEN=8{round} TC={round} HOPLIMIT=6{round} FLOWLBL={round}"
                )
            } else {
                let df = if round % 2 == 0 { " DF" } else { "" };
                format!(
                    "SRC=10.255.73.3 DST=10.0.16.{round} LEN=6{round} TOS=0x0{round} PREC=0x00 TTL=6{round} ID=159{round}{df}"
                )
            };
            writeln!(text, "{head} {ip} {transport}").unwrap();
        }
    }
    std::fs::write(path, text).unwrap();
    ROUNDS * SHAPES.len()
}

#[test]
fn rows_of_every_shape_have_the_cells_of_whole_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kern.log");
    let packets = log(&path);
    let flows = Query::flows_of([&path]);
    // A condition that holds for all needs whole rows.
    let whole = flows.filter_not("line", vec![Given::Int(0)]).unwrap();

    let rows = |query: &Query| query.batches().collect::<Result<Vec<_>, _>>().unwrap();
    let (short, long) = (rows(&flows), rows(&whole));
    assert_eq!(long.iter().map(RecordBatch::num_rows).sum::<usize>(), packets);
    assert_eq!(short, long);

    let text = |query: &Query| {
        let path = folder.path().join("flows.csv");
        csv::write_query(query, Formulas::Keep, &path).unwrap();
        std::fs::read_to_string(path).unwrap()
    };
    let (short, long) = (text(&flows), text(&whole));
    assert_eq!(short.lines().count(), packets + 1);
    for (short, long) in short.lines().zip(long.lines()) {
        assert_eq!(short, long);
    }
}
