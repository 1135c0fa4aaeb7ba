//! The file of a bundle: a zip archive of which one form is right.
//!
//! Members are sorted, stored as they are, and have no times. So a bundle's bytes follow from its
//! members, and a file whose bytes do not is refused: a change in a header, a name, a time or a
//! comment is found like one in a member.

use std::io::{Cursor, Read as _, Write as _};

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

/// Members by name.
pub(super) type Members = std::collections::BTreeMap<String, Vec<u8>>;

/// Returns the file.
///
/// # Errors
///
/// If a zip archive cannot hold the members.
pub(super) fn write(members: &Members) -> Result<Vec<u8>, String> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
        .system(System::Unix);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut pack = || -> Result<Vec<u8>, zip::result::ZipError> {
        for (name, bytes) in members {
            zip.start_file(name.as_str(), options)?;
            zip.write_all(bytes)?;
        }
        Ok(Vec::new())
    };
    let packed = pack().and_then(|_| zip.finish());
    packed.map(Cursor::into_inner).map_err(|error| format!("the bundle cannot be packed: {error}"))
}

/// Returns the members of a file that [`write`] made.
///
/// # Errors
///
/// If a byte of it is not as [`write`] writes it.
pub(super) fn unpack(bytes: &[u8]) -> Result<Members, String> {
    let no_zip = |error: zip::result::ZipError| format!("it is no zip archive: {error}");
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(no_zip)?;
    let mut members = Members::new();
    for n in 0..zip.len() {
        let mut member = zip.by_index_raw(n).map_err(no_zip)?;
        let name = String::from_utf8(member.name_raw().to_vec())
            .map_err(|_| "a member has a name that is not UTF-8".to_owned())?;
        if member.compression() != CompressionMethod::Stored {
            return Err(format!("{name} is compressed, which a bundle never is"));
        }
        let mut text = Vec::new();
        member.read_to_end(&mut text).map_err(|error| format!("{name}: {error}"))?;
        // Members may lie on each other in a file that was made to harm.
        let size: usize = members.values().map(Vec::len).sum::<usize>() + text.len();
        if size > bytes.len() || members.insert(name.clone(), text).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    let right = write(&members)?;
    if right == bytes {
        return Ok(members);
    }
    let same = right.iter().zip(bytes).take_while(|(one, other)| one == other).count();
    Err(format!("byte {same} of the file was changed, outside of what is in it"))
}

/// Returns the SHA-256 digest of bytes, in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Returns bytes in hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Members {
        let members = [("b.txt", "two"), ("a/1.txt", "one\n"), ("manifest.json", "{}")];
        members.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into()
    }

    #[test]
    fn bytes_follow_from_members_in_every_version() {
        let bytes = write(&members()).unwrap();
        assert_eq!(unpack(&bytes).unwrap(), members());
        // Another digest here would make old bundles invalid: then the format needs a new version.
        assert_eq!(
            digest(&bytes),
            "5035807afdcdf5d88db7f5c54cc7f083c1886541b8d26c18222b53db083087ae"
        );
    }

    #[test]
    fn every_changed_lost_or_added_byte_is_found() {
        let bytes = write(&members()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(unpack(&changed).is_err(), "byte {at}, bit {bit}");
            }
            assert!(unpack(&bytes[..at]).is_err(), "cut at {at}");
            let longer = [&bytes[..at], b"\0", &bytes[at..]].concat();
            assert!(unpack(&longer).is_err(), "a byte more at {at}");
        }
        for more in [&b"\0"[..], b"comment"] {
            assert!(unpack(&[&bytes, more].concat()).is_err());
            assert!(unpack(&[more, &bytes].concat()).is_err());
        }
    }
}
