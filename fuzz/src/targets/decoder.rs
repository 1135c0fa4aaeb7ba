//! A stream of any encoding gives the records of its text, for any chunking.

use asg_core::line::Transcoder;
use asg_core::{Decoder, TimePolicy};

/// The first byte chooses the pieces.
pub(crate) fn decoder(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let whole = decoded([stream]);
    assert_eq!(decoded(stream.chunks(usize::from(step) + 1)), whole);
    let mut transcoder = Transcoder::new();
    let mut text = transcoder.push(stream).to_vec();
    text.extend_from_slice(transcoder.finish());
    let lines = text.split_inclusive(|b| *b == b'\n').count();
    assert_eq!(whole.len(), lines, "a record for each line");
    if !text.starts_with(b"\xef\xbb\xbf") {
        let again = decoded([&text[..]]);
        // UTF-8 is passed on unchanged.
        assert!(std::str::from_utf8(&text).is_err() || again == whole);
    }
}

fn decoded<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<String> {
    let mut decoder = Decoder::new(TimePolicy::default());
    let mut seen = Vec::new();
    for piece in pieces {
        decoder.decode(piece, &mut (), |line| seen.push(format!("{line:?}")));
    }
    decoder.flush(&mut (), |line| seen.push(format!("{line:?}")));
    seen
}
