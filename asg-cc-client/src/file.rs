//! Files that are written whole or not at all.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside `path` and renames it, so that a reader sees the old one or the new one.
///
/// Only its owner may read it. The file beside it is a new one with a name that nobody can guess:
/// in a folder for all, a link that somebody put there is not followed.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let (mut file, beside) = create_beside(path)?;
    let mut write = || {
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&beside)))
}

fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    const TRIES: usize = 8;
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..TRIES {
        let number = RandomState::new().build_hasher().finish();
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{number:016x}.tmp"));
        let beside = path.with_file_name(name);
        match options().open(&beside) {
            Ok(file) => return Ok((file, beside)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => last = e,
            Err(e) => return Err(e),
        }
    }
    Err(last)
}

/// Returns the options for a new file, readable by its owner only if the system has owners.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_is_its_owners_alone_and_nothing_is_left_beside_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.cache");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("no/such/folder"), b"").is_err());
    }
}
