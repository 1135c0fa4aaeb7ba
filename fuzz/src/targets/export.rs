//! Saved pages of a Cloud Controller: whatever the file, and however it is read.

use std::io::Read;

use asg_cc_client::Export;
use asg_core::Guid;

pub(crate) fn export(data: &[u8]) {
    let mut whole = Export::new();
    let read = whole.add_from("page.json", data).map_err(|error| error.to_string());
    assert_eq!(read.is_err(), !whole.unread().is_empty());
    if let Err(error) = &read {
        assert!(!error.is_empty() && !error.contains('\n'), "{error}");
    }
    let guids = guids(data);
    let answers = whole.resolve(&guids);
    assert_eq!(answers.len(), guids.len(), "each GUID has an answer");

    let mut pieces = Export::new();
    let again = pieces.add_from("page.json", OneByte(data)).map_err(|error| error.to_string());
    // How much of a damaged file is unpacked before its end is the unpacker's to decide.
    if data.starts_with(&[0x1f, 0x8b]) && read.is_err() {
        assert!(again.is_err());
        return;
    }
    assert_eq!(again, read, "pieces never matter");
    assert_eq!(pieces.resolve(&guids), answers);
    assert_eq!(pieces.gaps(), whole.gaps());
    assert_eq!(pieces.unread(), whole.unread());
    assert_eq!(pieces.security_groups(), whole.security_groups());

    // A page that is read again adds nothing that is certain, and takes nothing away.
    if read.is_ok() && whole.add_from("page.json", data).is_ok() {
        for (guid, identity) in whole.resolve(&guids) {
            assert_eq!(identity.app, answers[&guid].app);
        }
    }
}

/// A reader of one byte at a time.
struct OneByte<'a>(&'a [u8]);

impl Read for OneByte<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let least = buffer.len().min(1);
        self.0.read(&mut buffer[..least])
    }
}

/// Returns the first GUIDs in the text, and one that is not there.
fn guids(data: &[u8]) -> Vec<Guid> {
    let stranger = Guid::from_u128(0xaaaa_aaaa_0000_4000_8000_0000_0000_0001);
    let mut found = vec![stranger];
    for window in data.windows(36) {
        let guid = std::str::from_utf8(window).ok().and_then(|text| text.parse().ok());
        if let Some(guid) = guid.filter(|guid| !found.contains(guid)) {
            found.push(guid);
        }
        if found.len() == 8 {
            break;
        }
    }
    found
}
