use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::Input;
use super::*;

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o640);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (path, bytes) in files {
        writer.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn meter() -> Arc<AtomicU64> {
    Arc::default()
}

/// Returns all logs in a file of these bytes, called `it`: names, texts and errors.
fn logs(bytes: &[u8]) -> Vec<(String, String, Option<String>)> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let it = Input::new("it", super::super::From::File(Arc::new(Held::spooled(file))));
    let read = |input: Input| {
        let mut text = String::new();
        let read = input.open(&meter()).and_then(|mut bytes| bytes.read_to_string(&mut text));
        (input.name().to_owned(), text, read.err().map(|error| error.to_string()))
    };
    it.logs(&meter()).unwrap().into_iter().map(read).collect()
}

fn fine(name: &str, text: &str) -> (String, String, Option<String>) {
    (name.to_owned(), text.to_owned(), None)
}

#[test]
fn members_are_logs_in_the_order_of_the_archive() {
    let long = format!("{}/kern.log", "deep/".repeat(60));
    let files: &[(&str, &[u8])] = &[
        ("./rep/rep.stdout.log", b"rep\n"),
        ("./var/log/kern.log", b"kernel"),
        ("./var/log/empty.log", b""),
        ("./var/log/kern.log.2.gz", &gzip(b"old\n")),
        (&long, b"deep\n"),
    ];
    let expected = [
        fine("it:rep/rep.stdout.log", "rep\n"),
        fine("it:var/log/kern.log", "kernel"),
        fine("it:var/log/empty.log", ""),
        fine("it:var/log/kern.log.2.gz", "old\n"),
        fine(&format!("it:{long}"), "deep\n"),
    ];
    assert_eq!(logs(&tar(files)), expected);
    assert_eq!(logs(&gzip(&tar(files))), expected);
    assert_eq!(logs(&zip(files)), expected);
    assert_eq!(logs(&gzip(&zip(files))), expected);
}

#[test]
fn archives_lie_in_archives() {
    let cell = gzip(&tar(&[("./rep/rep.stdout.log", b"rep\n")]));
    let zipped = zip(&[("kern.log", b"kernel\n")]);
    let all =
        gzip(&tar(&[("./cell.1.tgz", &cell), ("./cell.2.zip", &zipped), ("last", b"last\n")]));
    let expected = [
        fine("it:cell.1.tgz:rep/rep.stdout.log", "rep\n"),
        fine("it:cell.2.zip:kern.log", "kernel\n"),
        fine("it:last", "last\n"),
    ];
    assert_eq!(logs(&all), expected);
}

#[test]
fn what_is_no_log_in_an_archive_is_named_and_the_rest_is_read() {
    let broken = &gzip(&tar(&[("kern.log", &[b'x'; 9_000])]))[..40];
    let all =
        tar(&[("core", b"\x7fELF\x02\x01\x01"), ("broken.tgz", broken), ("kern.log", b"kernel\n")]);
    let found = logs(&all);
    let errors: Vec<_> =
        found.iter().map(|(name, _, error)| (&name[..], error.is_some())).collect();
    assert!(errors.contains(&("it:core", true)) && errors.contains(&("it:kern.log", false)));
    assert!(errors.iter().any(|(name, error)| name.starts_with("it:broken.tgz") && *error));
    assert!(found.contains(&fine("it:kern.log", "kernel\n")));
}

#[test]
fn an_archive_that_breaks_off_is_named_with_the_member() {
    let whole = tar(&[("a.log", b"one\n"), ("b.log", &[b'x'; 5_000])]);
    let found = logs(&whole[..3_000]);
    assert_eq!(found[0], fine("it:a.log", "one\n"));
    assert!(found[1].0 == "it:b.log" && found[1].1.len() == 1_464 && found[1].2.is_some());
    assert!(found[2].0 == "it" && found[2].2.as_ref().unwrap().contains("breaks off"));
}

#[test]
fn a_reading_in_order_walks_once_and_any_order_reads_the_same() {
    let texts: Vec<String> = (0..20).map(|n| format!("{n}\n").repeat(40_000)).collect();
    let paths: Vec<String> = (0..20).map(|n| format!("{n}.log")).collect();
    let files: Vec<_> =
        paths.iter().map(|p| &p[..]).zip(texts.iter().map(String::as_bytes)).collect();
    let bytes = gzip(&tar(&files));
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let it = Input::new("it", super::super::From::File(Arc::new(Held::spooled(file))));
    let members = it.logs(&meter()).unwrap();
    let read = |order: &mut dyn Iterator<Item = usize>| {
        let counted = meter();
        for n in order {
            let mut text = String::new();
            members[n].open(&counted).unwrap().read_to_string(&mut text).unwrap();
            assert!(text == texts[n], "{n}");
        }
        counted.load(Ordering::Relaxed)
    };
    for _ in 0..3 {
        assert_eq!(read(&mut (0..20)), bytes.len() as u64);
    }
    assert!(read(&mut (0..20).rev()) > 2 * bytes.len() as u64);
    // One that is left in its middle.
    let mut open = members[3].open(&meter()).unwrap();
    open.read_exact(&mut [0; 5]).unwrap();
    drop(open);
    assert_eq!(read(&mut (0..20)), bytes.len() as u64);
}

#[test]
fn archives_nest_only_so_deep() {
    let mut bytes = b"line\n".to_vec();
    for n in 0..MOST_LAYERS {
        bytes = tar(&[(&format!("{n}"), &bytes)]);
    }
    let found = logs(&bytes);
    assert!(found.len() == 1 && found[0].2.is_none(), "{found:?}");
    let found = logs(&tar(&[("outermost", &bytes)]));
    assert!(found[0].2.as_ref().unwrap().contains("nested"), "{found:?}");
}
