//! A stream in pieces of any size: lines are borrowed in place, and only the piece of an unfinished
//! line is held.
//!
//! `cargo run -p asg-examples --example stream < /var/log/kern.log`

use std::io::{self, Read};

use asg_core::{Line, Lines, Record};

fn count(mut input: impl Read) -> io::Result<[u64; 2]> {
    let mut lines = Lines::new();
    let [mut all, mut packets] = [0, 0];
    let mut each = |raw: asg_core::line::RawLine<'_>| {
        let line = Line::new(raw.bytes);
        all += 1;
        packets += u64::from(Record::classify(&line).packet().is_some());
    };
    let mut piece = [0; 8192];
    loop {
        match input.read(&mut piece)? {
            0 => break,
            n => lines.push(&piece[..n], &mut each),
        }
    }
    lines.finish(&mut each);
    Ok([all, packets])
}

fn main() -> io::Result<()> {
    let [lines, packets] = count(io::stdin().lock())?;
    println!("{packets} packets in {lines} lines");
    Ok(())
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let log = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../asg-cli/data/article.log"));
    assert_eq!(count(&log[..]).unwrap(), [5, 2]);
    let (head, tail) = log.split_at(1_000);
    assert_eq!(count(head.chain(tail)).unwrap(), [5, 2]);
}
