//! Files of saved ledgers.

use std::io::Write as _;
use std::path::Path;

use asg_core::Ledger;

use crate::error::Error;
use crate::origins;
use crate::output::NewFile;

/// Reads a ledger file. Evidence from it cites the lines of a source with the file's name.
///
/// # Errors
///
/// [`Error::File`] if it cannot be read, [`Error::Ledger`] if it is not a ledger or is damaged.
///
/// ```
/// use asg_cli::ledger_file::{load, save};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("cells.ledger");
/// save(&asg_core::Ledger::new(), &path)?;
/// assert_eq!(load(&path)?.len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(path: &Path) -> Result<Ledger, Error> {
    let name = path.to_string_lossy();
    let bytes = std::fs::read(path).map_err(|error| Error::file(&*name, error))?;
    parse(&bytes, &name)
}

/// Reads the bytes of a ledger file with this name.
///
/// # Errors
///
/// [`Error::Ledger`].
pub fn parse(bytes: &[u8], name: &str) -> Result<Ledger, Error> {
    Ledger::from_bytes(bytes, origins::number(name))
        .map_err(|error| Error::Ledger(format!("{name}: {error}")))
}

/// Reads several files as one ledger; `None` for no files.
///
/// # Errors
///
/// As [`load`].
pub fn load_all<P: AsRef<Path>>(paths: &[P]) -> Result<Option<Ledger>, Error> {
    let mut all: Option<Ledger> = None;
    for path in paths {
        let one = load(path.as_ref())?;
        match &mut all {
            Some(all) => all.merge(&one),
            None => all = Some(one),
        }
    }
    Ok(all)
}

/// Reads the bytes of several files, by name, as one ledger; `None` for no files.
pub(crate) fn merged(files: &[(String, Vec<u8>)]) -> Result<Option<Ledger>, Error> {
    let mut all: Option<Ledger> = None;
    for (name, bytes) in files {
        let one = parse(bytes, name)?;
        match &mut all {
            Some(all) => all.merge(&one),
            None => all = Some(one),
        }
    }
    Ok(all)
}

/// Writes a ledger file. A crash leaves the old file or the new one.
///
/// # Errors
///
/// [`Error::File`].
pub fn save(ledger: &Ledger, path: &Path) -> Result<(), Error> {
    let new = NewFile::new(path);
    let write = || {
        let mut file = new.create()?;
        file.write_all(&ledger.to_bytes())?;
        new.finish(&file)
    };
    write().map_err(|error| Error::file(path.to_string_lossy(), error))
}
