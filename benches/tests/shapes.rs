//! Twice the lines take twice the steps, also in logs with much that is alike.

use asg_benches::shapes::{SHAPES, run};
use asg_core::bytes::work::steps_of;

#[test]
fn twice_the_lines_take_twice_the_steps_and_the_output() {
    for (name, log) in SHAPES {
        // Tables have other seeds in each run, so some numbers meet by chance: with every other
        // seed a tenth more.
        let measure = |lines| {
            let log = log(lines);
            let once = || {
                let mut cost = None;
                let steps = steps_of(|| cost = Some(run(&log)));
                (steps, cost.unwrap())
            };
            (0..8).map(|_| once()).min_by_key(|(steps, _)| *steps).unwrap()
        };
        let ((few, small), (many, large)) = (measure(1_500), measure(3_000));
        assert!(few > 1_000, "{name}: {few} steps show nothing");
        assert!(many * 10 <= few * 23, "{name}: {few} steps, and {many} for twice the lines");
        let is_linear = large.bytes * 10 <= small.bytes * 23;
        assert!(is_linear, "{name}: {small:?}, and {large:?} for twice the lines");
    }
}
