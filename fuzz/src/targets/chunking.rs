//! A stream gives the same records for any chunking. The first two bytes choose the limit and the
//! pieces.

use asg_core::record::Diagnostic;
use asg_core::{Decoder, TimePolicy};

pub(crate) fn chunking(data: &[u8]) {
    let Some((&[limit, step], stream)) = data.split_first_chunk() else { return };
    let (limit, step) = (usize::from(limit) + 1, usize::from(step) + 1);
    let whole = decoded(limit, [stream]);
    assert_eq!(decoded(limit, stream.chunks(step)), whole);
    // The target `decoder` reads other encodings.
    if [&b"\xff\xfe"[..], b"\xfe\xff", b"\xef\xbb\xbf"].iter().any(|mark| stream.starts_with(mark))
    {
        return;
    }
    let lines = stream.split_inclusive(|b| *b == b'\n').count();
    assert_eq!(whole.0.len(), lines, "a record for each line");
}

fn decoded<'p>(
    limit: usize,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<String>, Vec<Diagnostic>) {
    let mut decoder = Decoder::with_limit(TimePolicy::default(), limit);
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    for piece in pieces {
        decoder.decode(piece, &mut wrong, |line| seen.push(format!("{line:?}")));
    }
    decoder.flush(&mut wrong, |line| seen.push(format!("{line:?}")));
    (seen, wrong)
}
