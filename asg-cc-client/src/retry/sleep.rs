//! How a thread waits between two tries.

use std::time::Duration;

use crate::stop::{Begun, Stop};

/// Waits between two tries of a question: a function that sleeps, or a [`Stop`] that may end the
/// pause.
pub trait Sleep {
    /// Waits for this long, or until the question that began then is to end.
    fn sleep(&self, pause: Duration, begun: Begun);
}

impl<F: Fn(Duration)> Sleep for F {
    fn sleep(&self, pause: Duration, _: Begun) {
        self(pause);
    }
}

impl Sleep for Stop {
    /// An interruption between the answer and the pause ends the pause, too.
    fn sleep(&self, pause: Duration, begun: Begun) {
        self.sleep_since(pause, begun);
    }
}
