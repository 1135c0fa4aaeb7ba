//! A switch that ends all waiting and asking.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Ends waiting and asking from another thread, on Ctrl-C for example. Clones are one switch.
///
/// [`CloudController::with_stop`](crate::CloudController::with_stop) sends no request after it, and
/// [`Retrying::with_stop`](crate::Retrying::with_stop) ends its pauses. [`Stop::stop`] is
/// permanent; [`Stop::interrupt`] ends the current questions, and the client can be asked again.
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
pub struct Stop(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Clone, Copy, Default)]
struct State {
    is_stopped: bool,
    interruptions: u64,
}

/// The moment at which a question began: the number of earlier interruptions. Requests carry it as
/// an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun(u64);

impl Stop {
    /// Creates a switch that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it permanently.
    pub fn stop(&self) {
        self.change(|state| state.is_stopped = true);
    }

    /// Ends the questions that have begun before this call. Later ones are asked as usual.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use asg_cc_client::Stop;
    ///
    /// let stop = Stop::new();
    /// let other = stop.clone();
    /// std::thread::spawn(move || {
    ///     std::thread::sleep(Duration::from_millis(50));
    ///     other.interrupt();
    /// });
    /// let began = Instant::now();
    /// stop.sleep(Duration::from_secs(3600));
    /// assert!(!stop.is_stopped() && began.elapsed() < Duration::from_secs(3600));
    /// ```
    pub fn interrupt(&self) {
        self.change(|state| state.interruptions += 1);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    fn state(&self) -> State {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the moment for a question that begins now.
    pub(crate) fn begin(&self) -> Begun {
        Begun(self.state().interruptions)
    }

    /// Returns whether a question that began at this moment is to end.
    pub(crate) fn ends(&self, begun: Begun) -> bool {
        let state = self.state();
        state.is_stopped || state.interruptions > begun.0
    }

    /// Returns whether it is set.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Sleeps for this long, or until it is set or interrupts.
    pub fn sleep(&self, duration: Duration) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.interruptions;
        let goes_on = |now: &mut State| !now.is_stopped && now.interruptions == before;
        drop(changed.wait_timeout_while(state, duration, goes_on));
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_stopped()).finish()
    }
}
