//! A switch that ends all waiting and asking.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Ends waiting and asking from another thread, on Ctrl-C for example. Clones are one switch.
///
/// [`CloudController::with_stop`](crate::CloudController::with_stop) sends no request after it, and
/// [`Retrying::with_stop`](crate::Retrying::with_stop) ends its pauses.
///
/// ```
/// use std::time::{Duration, Instant};
/// use asg_cc_client::Stop;
///
/// let stop = Stop::new();
/// let other = stop.clone();
/// std::thread::spawn(move || other.stop());
/// let began = Instant::now();
/// stop.sleep(Duration::from_secs(3600));
/// assert!(stop.is_stopped() && began.elapsed() < Duration::from_secs(3600));
/// ```
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// A switch that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it, for good.
    pub fn stop(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// True once it is set.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps for so long, or until it is set.
    pub fn sleep(&self, duration: Duration) {
        let (stopped, changed) = &*self.0;
        let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_timeout_while(stopped, duration, |stopped| !*stopped));
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_stopped()).finish()
    }
}
