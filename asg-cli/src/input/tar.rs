//! The members of a tar archive, one after the other, from any reader.
//!
//! The crate `tar` reads headers. Its own iterator lends members that cannot change threads.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::packing::Unreadable;

const BLOCK: usize = 512;

/// The longest description of a member beside its header.
const MOST_EXTENSION: u64 = 1 << 20;

/// A tar archive. Reading gives the bytes of the member that was begun last.
pub(super) struct Tar<R> {
    inner: R,
    /// Of the member.
    left: u64,
    /// The filling of its last block.
    padding: u64,
}

/// A member.
pub(super) struct Entry {
    pub(super) path: String,
    /// Whether it is a file: folders, links and devices have no lines.
    pub(super) is_file: bool,
}

impl<R: Read> Tar<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, left: 0, padding: 0 }
    }

    /// Begins the next member; `None` behind the last.
    ///
    /// # Errors
    ///
    /// Errors of reading, and of a header that is missing or malformed.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let (mut long_path, mut size) = (None, None);
        loop {
            self.skip()?;
            let mut block = [0; BLOCK];
            // Many programs write no end.
            if !self.fill(&mut block)? || block.iter().all(|b| *b == 0) {
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            if !super::packing::is_tar(&block) {
                return Err(damaged("there is no header where the next member begins"));
            }
            let kind = header.entry_type();
            self.begin(header.entry_size().map_err(|_| damaged("a member's size is no number"))?);
            match kind {
                EntryType::GNULongName => {
                    let name = self.extension()?;
                    let end = memchr::memchr(0, &name).unwrap_or(name.len());
                    long_path = Some(name[..end].to_vec());
                }
                EntryType::XHeader => {
                    let text = self.extension()?;
                    for extension in PaxExtensions::new(&text).flatten() {
                        match extension.key_bytes() {
                            b"path" | b"GNU.sparse.name" => {
                                long_path = Some(extension.value_bytes().to_vec());
                            }
                            b"size" => size = extension.value().ok().and_then(|n| n.parse().ok()),
                            _ => {}
                        }
                    }
                }
                EntryType::GNULongLink | EntryType::XGlobalHeader => {}
                _ => {
                    if let Some(size) = size {
                        self.begin(size);
                    }
                    if kind == EntryType::GNUSparse {
                        return Err(damaged("sparse members are not read"));
                    }
                    let path = long_path.unwrap_or_else(|| header.path_bytes().into_owned());
                    let path = String::from_utf8_lossy(&path).into_owned();
                    let is_file = kind.is_file() || kind.is_contiguous();
                    return Ok(Some(Entry { is_file: is_file && !path.ends_with('/'), path }));
                }
            }
        }
    }

    fn begin(&mut self, size: u64) {
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
    }

    /// Returns the whole of a member that describes the next one.
    fn extension(&mut self) -> io::Result<Vec<u8>> {
        if self.left > MOST_EXTENSION {
            return Err(damaged("a member's name is too long"));
        }
        let mut text = Vec::new();
        self.read_to_end(&mut text)?;
        Ok(text)
    }

    /// Passes over the rest of the member.
    fn skip(&mut self) -> io::Result<()> {
        let rest = self.left.saturating_add(std::mem::take(&mut self.padding));
        self.left = 0;
        if io::copy(&mut self.inner.by_ref().take(rest), &mut io::sink())? < rest {
            return Err(damaged("it breaks off"));
        }
        Ok(())
    }

    /// Reads a block; false at the end.
    fn fill(&mut self, block: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < block.len() {
            match super::read_piece(&mut self.inner, &mut block[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(damaged("it breaks off")),
                n => filled += n,
            }
        }
        Ok(true)
    }
}

impl<R: Read> Read for Tar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.inner.read(&mut buffer[..most])?;
        if n == 0 && most > 0 {
            return Err(damaged("it breaks off"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

fn damaged(what: &str) -> io::Error {
    Unreadable::Failed(io::ErrorKind::InvalidData, format!("a damaged tar archive: {what}")).into()
}
