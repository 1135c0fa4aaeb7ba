//! The key: 32 bytes in a file that only its owner may read.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// The first line of a key file.
const HEAD: &str = "asglog redaction key 1";

/// The key of a redaction. Whoever has it can undo the redaction.
///
/// It does not show itself in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl From<[u8; 32]> for Key {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Key {
    /// Reads a key file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read, [`Error::Value`] if it is no key, or if others than
    /// its owner may read it.
    ///
    /// ```
    /// use asg_cli::redact::Key;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("key");
    /// let key = Key::create(&path)?;
    /// assert_eq!(Key::load(&path)?, key);
    /// assert!(Key::create(&path).is_err(), "a key is never replaced");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = |error| Error::file(path.display().to_string(), error);
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let what = "there is no such key; asglog redact --new-key makes one";
                return Err(Error::Value(format!("{}: {what}", path.display())));
            }
            Err(error) => return Err(file(error)),
        };
        if let Some(mode) = open_mode(path).map_err(file)? {
            let (path, what) = (path.display(), "others than its owner may read the key");
            let remedy = format!("type chmod 600 {path}");
            return Err(Error::Value(format!("{path}: {what} (mode {mode:03o}): {remedy}")));
        }
        let digits = text.strip_prefix(HEAD).map(str::trim).unwrap_or_default();
        let bytes = (0..digits.len()).step_by(2).map(|n| {
            let pair =
                digits.get(n..n + 2).filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
            u8::from_str_radix(pair?, 16).ok()
        });
        let bytes = bytes.collect::<Option<Vec<_>>>().and_then(|bytes| bytes.try_into().ok());
        let what = || {
            let remedy = "asglog redact --new-key makes one";
            Error::Value(format!("{} is no key of asglog redact; {remedy}", path.display()))
        };
        bytes.map(Self).ok_or_else(what)
    }

    /// Makes a new key from the system's random numbers, in a new file that only its owner may
    /// read.
    ///
    /// # Errors
    ///
    /// [`Error::File`]: also if there is a file already, because a lost key cannot be had again.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let file = |error| Error::file(path.display().to_string(), error);
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| file(io::Error::other(error.to_string())))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(path).map_err(file)?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "{HEAD}\n{digits}").and_then(|()| out.sync_all()).map_err(file)?;
        Ok(Self(bytes))
    }

    /// Returns the key for one purpose.
    pub(super) fn part(&self, purpose: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(purpose.as_bytes());
        hash.finalize().into()
    }

    /// Returns a short number for a text that is dropped, by which equal texts are known.
    pub(super) fn tag(&self, text: &[u8]) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.part("tag"));
        hash.update(text);
        let hash: [u8; 32] = hash.finalize().into();
        hash.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
    }
}

/// Returns the permissions of a file that others than its owner may read.
#[cfg(unix)]
fn open_mode(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok(Some(mode).filter(|mode| mode & 0o077 != 0))
}

#[cfg(not(unix))]
fn open_mode(_: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused_with_a_remedy() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        Key::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Key::load(&path).unwrap_err().to_string();
        assert!(error.contains("(mode 644): type chmod 600 "), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for text in ["", HEAD, "asglog redaction key 1\n00", "asglog redaction key 1\nzz"] {
            let _ = fs::remove_file(&path);
            Key::create(&path).unwrap();
            fs::write(&path, text).unwrap();
            let error = Key::load(&path).unwrap_err().to_string();
            assert!(error.contains("is no key of asglog redact"), "{text}: {error}");
        }
        fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
        assert!(Key::load(&path).unwrap_err().to_string().contains("is no key of asglog redact"));
        let missing = Key::load(&folder.path().join("other")).unwrap_err().to_string();
        assert!(missing.ends_with("there is no such key; asglog redact --new-key makes one"));
        assert_eq!(format!("{:?}", Key::from([1; 32])), "Key(…)");
    }
}
