use std::io::Write as _;

use super::super::decompressed;
use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn xz(text: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

/// Returns a frame that zstd's readers pass over.
fn skippable(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&b"\x50\x2a\x4d\x18"[..], &length, content].concat()
}

type Packer = fn(&[u8]) -> Vec<u8>;
const PACKERS: [(&str, Packer); 4] = [("gzip", gzip), ("xz", xz), ("bzip2", bzip2), ("zstd", zstd)];

/// Returns the decoded bytes, and the error at their end.
fn decoded(bytes: &[u8]) -> (Vec<u8>, Option<Unreadable>) {
    let mut text = Vec::new();
    let result = decompressed(io::Cursor::new(bytes.to_vec()))
        .and_then(|mut input| input.read_to_end(&mut text));
    (text, result.err().map(Unreadable::from))
}

#[test]
fn each_compression_is_read_with_members_padding_and_other_compressions_in_it() {
    let text: Vec<u8> = (0..30_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
    let (front, back) = text.split_at(text.len() / 3);
    for (name, pack) in PACKERS {
        for bytes in [
            pack(&text),
            [pack(front), pack(back)].concat(),
            [pack(front), pack(b""), pack(back), vec![0; 1_024]].concat(),
            [pack(front), vec![0; 512], pack(back)].concat(),
            pack(&pack(&text)),
            gzip(&xz(&bzip2(&zstd(&pack(&text))))),
        ] {
            let (found, error) = decoded(&bytes);
            assert_eq!(error, None, "{name}");
            assert!(found == text, "{name}: {} of {}", found.len(), text.len());
        }
    }
}

#[test]
fn frames_that_are_to_be_skipped_are_skipped_wherever_they_are() {
    let frames = [skippable(b"pzstd"), zstd(b"one\n"), skippable(&vec![0; 70_000]), zstd(b"two\n")];
    assert_eq!(decoded(&frames.concat()), (b"one\ntwo\n".to_vec(), None));
    let only = [skippable(b""), skippable(b"x")].concat();
    assert_eq!(decoded(&only), (Vec::new(), None));
}

#[test]
fn what_breaks_off_or_is_followed_by_something_else_gives_its_lines_and_an_error() {
    // It must not shrink much, or all of it comes at the end.
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{state:016x}\n")
    };
    let text: Vec<u8> = (0..30_000).flat_map(|_| next().into_bytes()).collect();
    for (name, pack) in PACKERS {
        let whole = pack(&text);
        let (found, error) = decoded(&whole[..whole.len() / 2]);
        assert!(matches!(error, Some(Unreadable::Failed(..))), "{name}: {error:?}");
        assert!(found.len() > 1_000 && text.starts_with(&found), "{name}: {}", found.len());
        let (found, error) = decoded(&[&pack(b"one\n")[..], b"\0\0garbage"].concat());
        assert_eq!((&found[..], error), (&b"one\n"[..], Some(Unreadable::Trailing)), "{name}");
        let mut flipped = whole;
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        let (found, error) = decoded(&flipped);
        assert!(found != text || error.is_some(), "{name}");
    }
}

#[test]
fn what_is_no_log_is_called_by_its_name() {
    for (bytes, name) in [
        (&b"7z\xbc\xaf\x27\x1c\0\x04"[..], "a 7-Zip archive"),
        (b"\x04\x22\x4d\x18\x64\x40\xa7", "compressed with LZ4"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"Obj\x01\x04\x14avro.codec", "Avro"),
        (b"\xc7\x71\x01\x02", "a cpio archive"),
        (&[&b"070701"[..], &[b'0'; 104], b"kern.log\0"].concat(), "a cpio archive"),
        (b"SQLite format 3\0\x10", "an SQLite database"),
    ] {
        assert_eq!(decoded(bytes), (Vec::new(), Some(Unreadable::Format(name))));
        // Also if it is compressed.
        assert_eq!(decoded(&xz(bytes)), (Vec::new(), Some(Unreadable::Format(name))));
        let said = Unreadable::Format(name).to_string();
        assert_eq!(said, format!("it is {name}, which this program does not read"));
    }
}

#[test]
fn what_is_no_text_is_no_log() {
    // Brotli's bytes look random.
    let mut state = 1_u32;
    let random = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let bytes: Vec<_> = (0..1_000).map(random).collect();
    let (found, error) = decoded(&[b"\x0b", &bytes[..]].concat());
    assert!(found.is_empty() && matches!(error, Some(Unreadable::Format(_))), "{error:?}");
    // A log after a crash, one in an old encoding, and one with bytes of its own.
    let line = b"May  6 07:09:10 cell-1 kernel: caf\xe9 \x1b[1mIN=\x01\n";
    for before in [&[0; 4_096][..], b"", b"DATA\n\x03\0\0\0\0\0\0\0abc\n"] {
        let text = [before, &line.repeat(20)].concat();
        assert_eq!(decoded(&text), (text, None));
    }
}

#[test]
fn text_is_text_whatever_it_begins_with() {
    for text in [
        "",
        "a",
        "\x1f",
        "(",
        "P",
        "PK",
        "BZh",
        "BZh9 is how a bzip2 file begins\n",
        "Rar",
        "\n",
        "\x50\x2a\n",
        "LZIP\n",
        "!<arch\n",
        "PARK1\n",
    ] {
        assert_eq!(decoded(text.as_bytes()), (text.as_bytes().to_vec(), None));
    }
    // Zeros are what copytruncate leaves before the first line.
    let zeros = [vec![0; 2_000], b"line\n".to_vec()].concat();
    assert_eq!(decoded(&zeros), (zeros, None));
}

#[test]
fn the_first_line_of_a_slow_pipe_does_not_wait_for_the_next() {
    struct Slow(usize);
    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            assert!(self.0 == 1, "nobody types a second line");
            buffer[..8].copy_from_slice(b"<4>word\n");
            Ok(8)
        }
    }
    let mut first = [0; 8];
    decompressed(Slow(0)).unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"<4>word\n");
}

#[test]
fn nesting_has_an_end() {
    let mut bytes = b"line\n".to_vec();
    for _ in 0..MOST_LAYERS {
        bytes = gzip(&bytes);
    }
    assert_eq!(decoded(&bytes), (b"line\n".to_vec(), None));
    assert_eq!(decoded(&gzip(&bytes)), (Vec::new(), Some(Unreadable::Nested)));
}

#[test]
fn a_bomb_is_told_and_ends() {
    // Two layers make gigabytes of little; 16 MB are enough here.
    let mut inner = zstd::Encoder::new(Vec::new(), 3).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..16 {
        inner.write_all(&zeros).unwrap();
    }
    let bytes = gzip(&inner.finish().unwrap());
    assert!(bytes.len() < 6_000, "{}", bytes.len());
    let mut input = decompressed(io::Cursor::new(bytes)).unwrap();
    let error = io::copy(&mut input, &mut io::sink()).unwrap_err();
    assert_eq!(Unreadable::from(error), Unreadable::Bomb);
}
