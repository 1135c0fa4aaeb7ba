//! Pieces of several sources, on any number of threads.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;

use super::*;
use crate::input::{Log, Opened, ReadCounter, Source};
use crate::monitor::{Monitor, Progress, Unattended};

/// The lines of a piece, with their numbers.
struct Copy;

impl Work for Copy {
    type Done = Vec<(String, u64, String)>;

    fn piece(&mut self, piece: &Piece) -> Self::Done {
        let mut lines = Vec::new();
        piece.for_each(|raw| {
            let name = raw.source.rsplit('/').next().unwrap_or_default().to_owned();
            let text = String::from_utf8_lossy(raw.bytes).into_owned();
            lines.push((name, raw.origin.line, text));
        });
        lines
    }
}

fn readers(paths: &[PathBuf], monitor: Arc<dyn Monitor>, threads: usize) -> Readers {
    let source = |path: &PathBuf| -> Arc<dyn Source> { Arc::new(Log::file(path.clone())) };
    Readers::new(paths.iter().map(source).collect(), monitor)
        .with_threads(Threads::new(NonZero::new(threads).unwrap()))
}

/// Logs in a folder.
fn written(texts: &[String]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |n: usize| folder.path().join(format!("{n}.log"));
    for (n, text) in texts.iter().enumerate() {
        std::fs::write(path(n), text).unwrap();
    }
    let paths = (0..texts.len()).map(path).collect();
    (folder, paths)
}

fn lines(name: &str, many: usize) -> String {
    (1..=many).map(|n| format!("{name} line {n} {}\n", "x".repeat(n % 97))).collect()
}

#[test]
fn results_come_in_order_for_any_number_of_threads() {
    let texts = [lines("a", 40_000), String::new(), lines("b", 7), lines("c", 30_000)];
    let (_folder, paths) = written(&texts);
    let expected: Vec<_> = texts
        .iter()
        .enumerate()
        .flat_map(|(n, text)| {
            let line =
                move |(number, text): (u64, &str)| (format!("{n}.log"), number, text.to_owned());
            (1..).zip(text.lines()).map(line)
        })
        .collect();
    assert_eq!(expected.len(), 70_007);
    for threads in [1, 2, 5] {
        for size in [Size::Small, Size::Batch] {
            let readers = readers(&paths, Arc::new(Unattended), threads);
            let mut pipeline = Pipeline::new(&readers, "reading", size, || Copy);
            let mut found = Vec::new();
            while let Some(lines) = pipeline.next().unwrap() {
                found.extend(lines);
            }
            assert!(found == expected, "{threads} {size:?}");
            assert_eq!(pipeline.finish().len(), threads);
        }
    }
}

/// The numbers of lines, joined over parts.
#[derive(Default)]
struct Joined {
    lines: Vec<u64>,
    parts: usize,
}

impl Work for Joined {
    type Done = (Vec<u64>, usize);

    fn piece(&mut self, piece: &Piece) -> Self::Done {
        self.part(piece);
        self.rest().unwrap()
    }

    fn part(&mut self, piece: &Piece) -> Option<Self::Done> {
        piece.for_each(|raw| self.lines.push(raw.origin.line));
        self.parts += 1;
        None
    }

    fn rest(&mut self) -> Option<Self::Done> {
        let Self { lines, parts } = std::mem::take(self);
        (parts > 0).then_some((lines, parts))
    }
}

#[test]
fn one_thread_makes_large_results_of_small_parts() {
    let texts = [lines("a", 200_000), lines("b", 7)];
    let (_folder, paths) = written(&texts);
    for (size, has_parts) in [(Size::Small, false), (Size::Batch, true)] {
        let readers = readers(&paths, Arc::new(Unattended), 1);
        let mut pipeline = Pipeline::new(&readers, "", size, Joined::default);
        let mut results = Vec::new();
        while let Some(result) = pipeline.next().unwrap() {
            results.push(result);
        }
        assert!(pipeline.next().unwrap().is_none(), "it stays at its end");
        let parts: Vec<_> = results.iter().map(|(_, parts)| *parts).collect();
        assert_eq!(parts.iter().any(|parts| *parts > 1), has_parts, "{parts:?}");
        assert!(parts.iter().all(|parts| *parts <= 40), "{parts:?}");
        let found: Vec<u64> = results.into_iter().flat_map(|(lines, _)| lines).collect();
        assert!(found == (1..=200_000).chain(1..=7).collect::<Vec<_>>());
    }
}

#[test]
fn parts_before_an_error_come_before_it() {
    #[derive(Debug)]
    struct Failing(Log);
    struct Cut(io::Cursor<Vec<u8>>);
    impl io::Read for Cut {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("cut")),
                n => Ok(n),
            }
        }
    }
    impl Source for Failing {
        fn name(&self) -> &str {
            self.0.name()
        }
        fn id(&self) -> asg_core::SourceId {
            self.0.id()
        }
        fn open(&self, _: &ReadCounter) -> Result<Opened<'_>, Error> {
            let text = format!("{}\n", "x".repeat(1_023)).repeat(512);
            Ok(Opened::Stream(Box::new(Cut(io::Cursor::new(text.into_bytes())))))
        }
        fn size(&self) -> Option<u64> {
            Some(1 << 20)
        }
        fn is_repeatable(&self) -> bool {
            true
        }
    }
    let source: Arc<dyn Source> = Arc::new(Failing(Log::file("cut.log".into())));
    let readers = Readers::new(vec![source], Arc::new(Unattended)).with_threads(Threads::ONE);
    let mut pipeline = Pipeline::new(&readers, "", Size::Batch, Joined::default);
    let mut found = Vec::new();
    let error = loop {
        match pipeline.next() {
            Ok(Some((lines, _))) => found.extend(lines),
            Ok(None) => panic!("there was no error"),
            Err(error) => break error,
        }
    };
    assert_eq!(found, (1..=512).collect::<Vec<_>>());
    assert!(matches!(error, Error::File(name, _) if name == "cut.log"));
    assert!(pipeline.next().unwrap().is_none(), "it stays at its end");
}

/// Threads that did something.
type Seen = Arc<Mutex<HashSet<ThreadId>>>;

/// A log that notes the threads that decode it.
#[derive(Debug)]
struct Noted(Log, Seen);

struct Decoded(Box<dyn io::Read + Send>, Seen);

impl io::Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1.lock().unwrap().insert(thread::current().id());
        self.0.read(buffer)
    }
}

impl Source for Noted {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn id(&self) -> asg_core::SourceId {
        self.0.id()
    }

    fn open(&self, counter: &ReadCounter) -> Result<Opened<'_>, Error> {
        match self.0.open(counter)? {
            Opened::Stream(stream) => {
                Ok(Opened::Stream(Box::new(Decoded(stream, Arc::clone(&self.1)))))
            }
            other => Ok(other),
        }
    }

    fn size(&self) -> Option<u64> {
        self.0.size()
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

#[test]
fn a_compressed_log_is_decoded_by_the_caller_while_workers_read() {
    struct Look(Seen);
    impl Work for Look {
        type Done = u64;
        fn piece(&mut self, piece: &Piece) -> u64 {
            self.0.lock().unwrap().insert(thread::current().id());
            let mut lines = 0;
            piece.for_each(|_| lines += 1);
            lines
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log.gz");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut packed, lines("a", 60_000).as_bytes()).unwrap();
    std::fs::write(&path, packed.finish().unwrap()).unwrap();
    for threads in [2, 3] {
        let (decoding, reading) = (Seen::default(), Seen::default());
        let source: Arc<dyn Source> = Arc::new(Noted(Log::file(path.clone()), decoding.clone()));
        let readers = Readers::new(vec![source], Arc::new(Unattended))
            .with_threads(Threads::new(NonZero::new(threads).unwrap()));
        let work = || Look(reading.clone());
        let mut pipeline = Pipeline::new(&readers, "reading", Size::Small, work);
        let mut lines = 0;
        while let Some(more) = pipeline.next().unwrap() {
            lines += more;
        }
        pipeline.finish();
        assert_eq!(lines, 60_000);
        let (decoding, reading) = (decoding.lock().unwrap(), reading.lock().unwrap());
        assert_eq!(*decoding, [thread::current().id()].into(), "the caller's thread");
        assert!(reading.len() <= threads, "{reading:?}");
        assert!(reading.iter().any(|it| !decoding.contains(it)), "{decoding:?} {reading:?}");
    }
}

#[test]
fn an_error_comes_behind_the_lines_before_it() {
    let (_folder, mut paths) = written(&[lines("a", 9_000)]);
    paths.push(paths[0].with_file_name("missing.log"));
    for threads in [1, 3] {
        let mut pipeline =
            Pipeline::new(&readers(&paths, Arc::new(Unattended), threads), "", Size::Small, || {
                Copy
            });
        let mut found = 0;
        let error = loop {
            match pipeline.next() {
                Ok(Some(lines)) => found += lines.len(),
                Ok(None) => panic!("there was no error"),
                Err(error) => break error,
            }
        };
        assert_eq!(found, 9_000);
        let Error::File(name, error) = error else { panic!("{error}") };
        assert!(name.ends_with("missing.log") && error.kind() == io::ErrorKind::NotFound);
    }
}

#[test]
fn a_monitor_ends_the_reading() {
    #[derive(Debug, Default)]
    struct Enough(AtomicUsize);
    impl Monitor for Enough {
        fn check(&self) -> Result<(), Error> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0..3 => Ok(()),
                _ => Err(Error::Value("enough".into())),
            }
        }
        fn begin(
            &self,
            _: &'static str,
            _: Option<u64>,
        ) -> Result<Option<Box<dyn Progress>>, Error> {
            Ok(None)
        }
    }
    struct Slow;
    impl Work for Slow {
        type Done = ();
        fn piece(&mut self, _: &Piece) {
            // The monitor is asked by the clock, so the work must take some time.
            std::thread::sleep(PERIOD / 4);
        }
    }
    let (_folder, paths) = written(&[lines("a", 400_000)]);
    for threads in [1, 2] {
        let readers = readers(&paths, Arc::new(Enough::default()), threads);
        let mut pipeline = Pipeline::new(&readers, "", Size::Small, || Slow);
        let mut pieces = 0;
        let error = loop {
            match pipeline.next() {
                Ok(Some(())) => pieces += 1,
                Ok(None) => panic!("nothing ended it: {pieces}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.to_string(), "enough");
    }
}

#[test]
fn a_workers_panic_goes_on_in_the_caller() {
    struct Broken;
    impl Work for Broken {
        type Done = ();
        fn piece(&mut self, _: &Piece) {
            panic!("broken");
        }
    }
    let (_folder, paths) = written(&[lines("a", 100)]);
    for threads in [1, 2] {
        let readers = readers(&paths, Arc::new(Unattended), threads);
        let mut pipeline = Pipeline::new(&readers, "", Size::Small, || Broken);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pipeline.next()));
        let panic = result.expect_err("the panic is not lost");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"broken"));
    }
}
