//! Counts the instructions of each step. Unlike times, these hardly depend on the load of the
//! machine, so a change of two in a hundred comes from the code.
//!
//! `cargo bench -p asg-benches --bench counts` prints them beside those of the last run; with `--
//! --callgrind-limits=ir=2%` it fails if one has grown by more than that. It needs valgrind, and
//! the program `gungraun-runner` of the same version as the library; without them it prints a
//! message and does nothing.

use std::process::{Command, Stdio};

fn main() {
    // `cargo test --benches` runs this too; it is a measurement, not a test. The runner calls it
    // once more for each bench.
    let called_for = |arg: &str| std::env::args().any(|given| given == arg);
    if !called_for("--gungraun-run") {
        if !called_for("--bench") {
            println!("skipped: not run by cargo bench");
            return;
        }
        for (program, how) in [
            ("valgrind", "install it from your system's packages"),
            ("gungraun-runner", "cargo install gungraun-runner --version 0.20.0 --locked"),
        ] {
            if !is_there(program) {
                println!("skipped: {program} is not there; {how}");
                return;
            }
        }
    }
    counts::run();
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

mod counts {
    use std::hint::black_box;

    use asg_benches::PACKETS;
    use asg_benches::mixed::{self, Kind};
    use asg_benches::samples::{ENVELOPES, PACKET_KINDS};
    use asg_core::correlate::Gathered;
    use asg_core::ledger::{Lifetime, Sighting};
    use asg_core::prefix::LogPrefix;
    use asg_core::{Gathering, Line, Origin, Packet, Record, SourceId};
    use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};

    fn packet_of(kind: &str) -> &'static [u8] {
        let sample = PACKET_KINDS.iter().find(|sample| sample.name == kind);
        sample.expect("a kind").text.as_bytes()
    }

    fn in_envelope(name: &str) -> String {
        let sample = ENVELOPES.iter().find(|sample| sample.name == name);
        sample.expect("an envelope").line(PACKETS[0])
    }

    #[library_benchmark]
    #[bench::tcp_allowed(packet_of("tcp-allowed"))]
    #[bench::tcp_all_options(packet_of("tcp-all-options"))]
    #[bench::udp(packet_of("udp"))]
    #[bench::icmp_nested(packet_of("icmp-nested"))]
    #[bench::tcp6(packet_of("tcp6"))]
    #[bench::tcp6_extension(packet_of("tcp6-extension"))]
    #[bench::bridge(packet_of("bridge"))]
    #[bench::arp(packet_of("arp"))]
    fn packet(text: &'static [u8]) -> bool {
        black_box(Packet::parse(black_box(text))).is_ok()
    }

    #[library_benchmark]
    #[bench::rfc3164(in_envelope("rfc3164"))]
    #[bench::rfc3164_job(in_envelope("rfc3164-job"))]
    #[bench::rfc3339(in_envelope("rfc3339"))]
    #[bench::rfc5424_bosh(in_envelope("rfc5424-bosh"))]
    #[bench::dmesg(in_envelope("dmesg"))]
    #[bench::dev_kmsg(in_envelope("dev-kmsg"))]
    #[bench::journald_json(in_envelope("journald-json"))]
    #[bench::shipper_json(in_envelope("shipper-json"))]
    fn line(text: String) -> bool {
        let line = Line::new(black_box(text.as_bytes()));
        black_box(Record::classify(&line)).packet().is_some()
    }

    // A hundred lines.
    #[library_benchmark]
    #[bench::mixed(mixed::log(100, 7))]
    #[bench::packets(mixed::only(Kind::Packet, 100, 7))]
    #[bench::rep(mixed::only(Kind::Rep, 100, 7))]
    #[bench::others(mixed::only(Kind::Other, 100, 7))]
    fn log(text: String) -> usize {
        let lines = black_box(&text).lines().filter(|line| {
            let line = Line::new(line.as_bytes());
            black_box(Record::classify(&line)).packet().is_some()
        });
        lines.count()
    }

    /// Returns a hundred packets of one machine: all but the first have a header that is known.
    fn of_one_machine() -> String {
        let line = |n: u32| {
            format!(
                "2024-05-06T07:10:{:02}.{n:06}+00:00 cell-1 kernel: [2400.{n:06}] {}\n",
                n % 60,
                PACKETS[0]
            )
        };
        (0..100).map(line).collect()
    }

    #[library_benchmark]
    #[bench::known_header(of_one_machine())]
    fn gather(text: String) -> u64 {
        let mut gathering = Gathering::new();
        for (line, text) in (1..).zip(black_box(&text).lines()) {
            gathering.ingest(Origin { source: SourceId(0), line }, text.as_bytes());
        }
        gathering.counts().packets
    }

    /// Returns a ledger of five hundred containers, and a prefix of each. All are looked up,
    /// because the place of one in a hash table differs from run to run.
    fn known() -> (Gathered, Vec<String>) {
        let mut gathering = Gathering::new();
        let log = mixed::only(Kind::Rep, 5_000, 7);
        for (line, text) in (1..).zip(log.lines()) {
            gathering.ingest(Origin { source: SourceId(0), line }, text.as_bytes());
        }
        let Ok(gathered) = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()));
        let prefix = |it: Lifetime<'_>| format!("OK_{} ", &it.handle().to_string()[..25]);
        let prefixes = gathered.ledger().lifetimes().map(prefix).collect();
        (gathered, prefixes)
    }

    // The result is returned, so that its drop is not counted.
    #[library_benchmark]
    #[bench::all(known())]
    fn look_up(known: (Gathered, Vec<String>)) -> (Gathered, Vec<String>) {
        let (gathered, prefixes) = &known;
        for prefix in prefixes {
            let prefix = LogPrefix::classify(black_box(prefix.as_bytes())).expect("a prefix");
            let answer = gathered.ledger().attribute(&prefix, &Sighting::default());
            assert!(black_box(&answer).container().is_some());
        }
        known
    }

    library_benchmark_group!(name = steps, benchmarks = [packet, line, log, gather, look_up]);

    // Without the model of a cache, which matches no real machine.
    gungraun::main!(
        config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"]));
        library_benchmark_groups = steps
    );

    pub(super) fn run() {
        main();
    }
}
