//! One line in, typed fields out.
//!
//! `cargo run -p asg-examples --example one_line`

use asg_core::packet::Transport;
use asg_core::{Content, Line, Record};

fn main() {
    let line = Line::new(
        b"Jun 16 23:18:38 kern kernel [job=diego_cell index=1] [2681198.826158] \
          1f97ff6d-4517-43a0-5aef-f5915IN=wbrdg-0afe0008 OUT=eth0 MAC=1e:4d:39:af:e6:04:72:87:1b:3b:15:01:08:00 \
          SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=40628 DF PROTO=TCP SPT=52232 DPT=80 \
          WINDOW=28280 RES=0x00 SYN URGP=0",
    );
    let record = Record::classify(&line);
    // The envelope shows how the line was transported.
    assert_eq!(record.envelope.job.unwrap(), "diego_cell");
    assert_eq!(record.envelope.uptime.unwrap().to_string(), "2681198.826158");

    // The content is the parsed body: here a packet, and the meaning of its prefix in Cloud
    // Foundry.
    let Content::Packet { packet, cf } = record.content else { panic!("it is a packet") };
    let cf = cf.expect("the prefix is Garden's");
    assert_eq!(cf.handle_prefix.unwrap().as_str(), "1f97ff6d-4517-43a0-5aef-f5915");

    // Fields are flat; enums group the fields that belong together.
    let Some(Transport::Tcp { dst_port, .. }) = packet.ip.transport() else { panic!("it is TCP") };
    println!("{:?} {} -> port {dst_port}", cf.verdict, packet.ip.src.unwrap());
}

#[test]
fn it_runs() {
    main();
}
