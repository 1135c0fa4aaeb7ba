//! Work for all processors, in tests that have many like inputs.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// Calls a function with each item, on all processors, and returns the results in the order of the
/// items.
///
/// ```
/// use asg_benches::parallel::in_parallel;
///
/// assert_eq!(in_parallel(1..=4, |n| n * n), [1, 4, 9, 16]);
/// ```
///
/// # Panics
///
/// If the function does.
pub fn in_parallel<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    each: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<_> = items.into_iter().enumerate().collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    let (items, results) = (Mutex::new(items.into_iter()), Mutex::new(Vec::new()));
    let next = || items.lock().expect("no thread panics with the lock").next();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, item)) = next() {
                    let result = each(item);
                    results.lock().expect("no thread panics with the lock").push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panicked");
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}
