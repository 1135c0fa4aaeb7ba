//! A lock for a reading during which callbacks run: progress, file objects, directories.
//!
//! A callback that asks for the lock again gets an error, because it would wait for itself. Waiting
//! for another thread ends when the monitor ends the run.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::error::Error;
use crate::monitor::Monitor;

/// A value that one thread uses at a time.
#[derive(Debug)]
pub struct Lock<T> {
    value: Mutex<T>,
    owner: Mutex<Option<ThreadId>>,
}

/// The value, in use.
#[derive(Debug)]
pub struct Used<'l, T> {
    value: MutexGuard<'l, T>,
    owner: &'l Mutex<Option<ThreadId>>,
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

impl<T> Lock<T> {
    /// Locks nothing yet.
    pub const fn new(value: T) -> Self {
        Self { value: Mutex::new(value), owner: Mutex::new(None) }
    }

    /// Waits for the value. A Python thread must not hold the interpreter meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if this thread has it already, and those of the monitor.
    pub fn lock(&self, monitor: &dyn Monitor) -> Result<Used<'_, T>, Error> {
        loop {
            if let Some(used) = self.try_lock() {
                return Ok(used);
            }
            self.wait(monitor)?;
        }
    }

    /// Returns the value, unless it is in use.
    pub fn try_lock(&self) -> Option<Used<'_, T>> {
        let value = match self.value.try_lock() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(broken)) => broken.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        *owner(&self.owner) = Some(thread::current().id());
        Some(Used { value, owner: &self.owner })
    }

    fn wait(&self, monitor: &dyn Monitor) -> Result<(), Error> {
        if *owner(&self.owner) == Some(thread::current().id()) {
            return Err(Error::Busy(
                "this is being read: a callback cannot use the reading that has called it",
            ));
        }
        monitor.check()?;
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
