//! temp
use asg_core::*;
struct Instant(u64);impl Instant{fn now()->Self{Self(std::fs::read_to_string("/proc/self/schedstat").unwrap().split(" ").next().unwrap().parse().unwrap())}fn elapsed(&self)->std::time::Duration{std::time::Duration::from_nanos(Self::now().0-self.0)}}
fn main() {
    let log = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let t = Instant::now();
    let mut n = 0;
    for l in log.split(|b| *b == b'\n') {
        n += l.len();
    }
    println!("split {:?} {n}", t.elapsed());
    let t = Instant::now();
    let mut lines = Vec::new();
    let mut at = 0;
    for e in memchr::memchr_iter(b'\n', &log) {
        lines.push(&log[at..e]);
        at = e + 1;
    }
    println!("memchr split {:?} {}", t.elapsed(), lines.len());
    let t = Instant::now();
    let mut k = 0;
    for l in &lines {
        let line = Line::new(l);
        k += Record::read(&line).kind().len();
    }
    println!("Record::read {:?} {k}", t.elapsed());
    let t = Instant::now();
    let mut r = Reader::new();
    let mut k = 0;
    for l in &lines {
        let line = Line::new(l);
        k += r.read(&line).kind().len();
    }
    println!("Reader::read {:?} {k}", t.elapsed());
    let at = |n: usize| Origin { source: SourceId(0), line: n as u64 + 1 };
    let t = Instant::now();
    let mut g = Gathering::new();
    let mut gr = g.gatherer();
    let mut tr = std::time::Duration::ZERO;
    for (i, c) in lines.chunks(400).enumerate() {
        let t = Instant::now();
        for (j, l) in c.iter().enumerate() {
            gr.read(at(i * 400 + j), l);
        }
        let b = gr.take_batch();

        g.merge(b, 0).unwrap();
    }
    println!("gather {:?}, of which reading {tr:?}", t.elapsed());
    let gathered = g.finish(|_| Ok::<(), ()>(())).unwrap();
    let t = Instant::now();
    let c = gathered.correlate();
    println!("correlate {:?} counted {}", t.elapsed(), c.is_counted());
    let t = Instant::now();
    let mut f = c.reader();
    let mut flows = 0;
    let mut keyed = 0;
    for (i, l) in lines.iter().enumerate() {
        let line = Line::new(l);
        if let Some(flow) = f.flow(at(i), &line) {
            flows += 1;
            keyed += u64::from(flow.key().is_some());
        }
    }
    println!("flows {:?} {flows} {keyed}", t.elapsed());
    println!("{} {} {}", size_of::<Record<'_>>(), size_of::<Flow<'_, '_>>(), size_of::<Envelope<'_>>());
}
