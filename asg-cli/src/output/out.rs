//! Standard output, or a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::NewFile;

const BUFFER: usize = 64 << 10;

/// Standard output, or a [`NewFile`].
#[derive(Debug)]
pub enum Out {
    /// Standard output.
    Standard(BufWriter<io::Stdout>),
    /// A file that is complete after [`finish`](Out::finish) only.
    File(BufWriter<File>, NewFile),
}

impl Out {
    /// Opens a file; standard output without a path.
    ///
    /// # Errors
    ///
    /// If the file cannot be created. The error names it.
    pub fn new(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            widen_pipe();
            return Ok(Self::Standard(BufWriter::with_capacity(BUFFER, io::stdout())));
        };
        let new = NewFile::new(path);
        let file = new.create().map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Ok(Self::File(BufWriter::with_capacity(BUFFER, file), new))
    }

    /// Finishes the output, after everything was written. A file that takes the place of another
    /// is synced first, so that one of them outlives a power failure. A new one is not: nothing is
    /// lost that was there before, and the disk would take as long as the work.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self {
            Self::Standard(_) => Ok(()),
            Self::File(file, new) => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                if new.replaces() { new.finish(&file) } else { new.put_in_place() }
            }
        }
    }
}

/// Lets standard output, if it is a pipe, hold as much as Linux allows to any user. A writer of
/// gigabytes and its reader then wake each other less often, which saves time on both sides.
fn widen_pipe() {
    #[cfg(target_os = "linux")]
    {
        const MOST: usize = 1 << 20;
        // Other outputs refuse, and stay as they are.
        let _ = rustix::pipe::fcntl_setpipe_size(io::stdout(), MOST);
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::File(file, _) => file.flush(),
        }
    }
}
