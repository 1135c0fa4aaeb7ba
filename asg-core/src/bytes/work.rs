//! Steps, counted so that tests can compare their number with the size of the input.
//!
//! Tables and lists whose look-ups could grow with what is in them count each comparison. Only
//! tests, and builds with the feature `work`, do count; otherwise nothing is left of it.

#[cfg(any(test, feature = "work"))]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts steps of this thread.
#[inline]
pub(crate) fn count(steps: u64) {
    #[cfg(any(test, feature = "work"))]
    STEPS.with(|all| all.set(all.get() + steps));
    #[cfg(not(any(test, feature = "work")))]
    let _ = steps;
}

/// How many steps it takes, on this thread.
#[cfg(any(test, feature = "work"))]
#[cfg_attr(not(feature = "work"), expect(unreachable_pub, reason = "the feature exports it"))]
pub fn steps_of(run: impl FnOnce()) -> u64 {
    let before = STEPS.get();
    run();
    STEPS.get() - before
}
