//! x
#![allow(warnings)]
use asg_core::*;
fn main() {
    println!(
        "packet {} ip {} lenient {}",
        size_of::<Packet<'_>>(),
        size_of::<Ip<'_>>(),
        size_of::<Lenient<'_>>()
    );
    let line = asg_benches::PACKETS[0].as_bytes();
    let t = std::time::Instant::now();
    let mut n = 0u64;
    for _ in 0..20_000_000 {
        let p = Packet::parse(std::hint::black_box(line)).unwrap();
        n += u64::from(p.ip.dpt.unwrap());
    }
    println!("{} {:?}", n, t.elapsed() / 20_000_000);
}
