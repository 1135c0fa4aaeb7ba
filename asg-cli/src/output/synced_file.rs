//! A file that is synced while it is written.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// The file is synced whenever so many bytes were written.
const STEP: usize = 32 << 20;

/// A file that a thread of its own syncs while more is written, so that little is left to wait for
/// at the end. A small file has no such thread.
///
/// ```
/// use std::io::Write as _;
/// use asg_cli::output::SyncedFile;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("flows.csv");
/// let mut file = SyncedFile::new(std::fs::File::create(&path)?);
/// file.write_all(b"time,dst\n")?;
/// file.finish()?.sync_all()?;
/// assert_eq!(std::fs::read(&path)?, b"time,dst\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct SyncedFile {
    file: File,
    step: usize,
    /// Bytes that were written since the last call for a sync.
    written: usize,
    syncer: Option<Syncer>,
}

#[derive(Debug)]
struct Syncer {
    calls: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl SyncedFile {
    /// Takes a regular file to write to.
    #[must_use]
    pub const fn new(file: File) -> Self {
        Self { file, step: STEP, written: 0, syncer: None }
    }

    /// Takes a file that is not synced while it is written, such as a device or a pipe.
    #[must_use]
    pub const fn unsynced(file: File) -> Self {
        Self { file, step: usize::MAX, written: 0, syncer: None }
    }

    /// Waits for the thread, and returns the file, whose last bytes are still to be synced.
    ///
    /// # Errors
    ///
    /// That of an earlier sync: then bytes are lost.
    pub fn finish(mut self) -> io::Result<File> {
        if let Some(Syncer { calls, thread }) = self.syncer.take() {
            drop(calls);
            thread
                .join()
                .map_err(|_| io::Error::other("the thread that syncs the file ended"))??;
        }
        Ok(self.file)
    }

    fn call(&mut self) -> io::Result<()> {
        if self.syncer.is_none() {
            let file = self.file.try_clone()?;
            let (calls, called) = sync_channel(1);
            let sync = move || called.iter().try_for_each(|()| file.sync_data());
            let thread = thread::Builder::new().name("sync".into()).spawn(sync)?;
            self.syncer = Some(Syncer { calls, thread });
        }
        if let Some(Syncer { calls, .. }) = &self.syncer {
            // If a call waits already, it is for these bytes, too. If the thread has ended, it had
            // an error, which `finish` returns.
            let _ = calls.try_send(());
        }
        Ok(())
    }
}

impl Write for SyncedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written = self.written.saturating_add(count);
        if self.written >= self.step {
            self.written = 0;
            self.call()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_arrive_whatever_the_step() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("file");
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        for (step, has_thread) in [(1, true), (999, true), (usize::MAX, false)] {
            let mut file = SyncedFile { step, ..SyncedFile::new(File::create(&path)?) };
            text.chunks(1_000).try_for_each(|part| file.write_all(part))?;
            assert_eq!(file.syncer.is_some(), has_thread, "{step}");
            file.finish()?.sync_all()?;
            assert_eq!(std::fs::read(&path)?, text, "{step}");
        }
        Ok(())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_error_of_the_thread_is_returned_at_the_end() -> io::Result<()> {
        // A pipe takes bytes, and cannot be synced.
        let (_reader, writer) = io::pipe()?;
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let mut file = SyncedFile { step: 1, ..SyncedFile::new(file) };
        file.write_all(b"line\n")?;
        assert_eq!(file.finish().unwrap_err().kind(), io::ErrorKind::InvalidInput);
        Ok(())
    }
}
