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

impl State {
    const fn ends(self, begun: Begun) -> bool {
        self.is_stopped || self.interruptions > begun.0
    }
}

/// The moment at which a question began: the number of earlier interruptions. Requests carry it as
/// an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun(u64);

impl Stop {
    /// Creates a switch that is not set.
    ///
    /// ```
    /// use asg_cc_client::Stop;
    /// assert!(!Stop::new().is_stopped());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it permanently.
    ///
    /// ```
    /// use asg_cc_client::Stop;
    /// let stop = Stop::new();
    /// stop.clone().stop();
    /// assert!(stop.is_stopped(), "clones are one switch");
    /// ```
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
        self.state().ends(begun)
    }

    /// Returns whether it is set.
    ///
    /// ```
    /// use asg_cc_client::Stop;
    /// let stop = Stop::new();
    /// stop.stop();
    /// assert!(stop.is_stopped());
    /// ```
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Sleeps for this long, or until it is set or interrupts.
    ///
    /// ```
    /// use asg_cc_client::Stop;
    /// let stop = Stop::new();
    /// stop.stop();
    /// // It does not wait: it is stopped already.
    /// stop.sleep(std::time::Duration::from_secs(3600));
    /// assert!(stop.is_stopped());
    /// ```
    pub fn sleep(&self, duration: Duration) {
        self.sleep_since(duration, self.begin());
    }

    /// Sleeps for this long, or until the question that began at this moment is to end.
    pub(crate) fn sleep_since(&self, duration: Duration, begun: Begun) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_timeout_while(state, duration, |state| !state.ends(begun)));
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_stopped()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn an_interruption_between_the_beginning_and_a_pause_ends_the_pause() {
        let stop = Stop::new();
        let begun = stop.begin();
        stop.interrupt();
        let start = Instant::now();
        stop.sleep_since(Duration::from_secs(3_600), begun);
        assert!(start.elapsed() < Duration::from_secs(3_600));
        assert!(stop.ends(begun) && !stop.ends(stop.begin()));
    }
}
