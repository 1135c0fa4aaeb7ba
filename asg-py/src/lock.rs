//! A lock around what is read, of which Python code may be told while it is held: by progress, a file object or a directory.
//!
//! If that code asks for it again, it is told so, for waiting would never end; and whoever waits for another thread hears
//! Ctrl-C.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;

use crate::errors::Failure;
use crate::watch::Watch;

/// A value that one thread uses at a time.
pub(crate) struct Lock<T> {
    value: Mutex<T>,
    owner: Mutex<Option<ThreadId>>,
}

/// The value, in use.
pub(crate) struct Used<'l, T> {
    value: MutexGuard<'l, T>,
    owner: &'l Mutex<Option<ThreadId>>,
}

/// As long as nobody minds that another thread is done.
const PAUSE: Duration = Duration::from_millis(5);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value: Mutex::new(value), owner: Mutex::new(None) }
    }

    /// Waits for the value, with the interpreter let go.
    ///
    /// # Errors
    ///
    /// If this thread has it already, or for Ctrl-C.
    pub(crate) fn lock(&self) -> Result<Used<'_, T>, Failure> {
        loop {
            let value = match self.value.try_lock() {
                Ok(value) => value,
                Err(TryLockError::Poisoned(broken)) => broken.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    self.wait()?;
                    continue;
                }
            };
            *owner(&self.owner) = Some(thread::current().id());
            return Ok(Used { value, owner: &self.owner });
        }
    }

    fn wait(&self) -> Result<(), Failure> {
        if *owner(&self.owner) == Some(thread::current().id()) {
            let what = "it is being read just now, and what is called meanwhile cannot ask it";
            return Err(Failure::Python(PyRuntimeError::new_err(what)));
        }
        Watch::look_now()?;
        thread::sleep(PAUSE);
        Ok(())
    }
}

fn owner(owner: &Mutex<Option<ThreadId>>) -> MutexGuard<'_, Option<ThreadId>> {
    owner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Drop for Used<'_, T> {
    fn drop(&mut self) {
        *owner(self.owner) = None;
    }
}

impl<T> Deref for Used<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Used<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
