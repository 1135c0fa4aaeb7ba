#!/bin/sh
# Runs each fuzz target for so many seconds, one after the other: sh fuzz/run.sh SECONDS [TARGET…]
# It needs a C++ compiler, and no nightly Rust.
set -eu
cd "$(dirname "$0")"
seconds=${1:?how many seconds for each target}
shift
[ $# -gt 0 ] || set -- $(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | grep -v '^asg-fuzz$')

# The coverage that libFuzzer needs; cargo-fuzz sets it, too. The variable lets a stable compiler
# accept the flags.
export RUSTC_BOOTSTRAP=1
coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4'
for part in inline-8bit-counters pc-table trace-compares; do
    coverage="$coverage -Cllvm-args=-sanitizer-coverage-$part"
done
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Ccodegen-units=4 $coverage" \
    cargo build --quiet --release --target "$host"

found=target/found
mkdir -p "$found"
for target; do
    seeds=$(mktemp -d)
    # New inputs go to a copy: what is committed is chosen by hand.
    log=$found/$target.log
    if "target/$host/release/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$found/$target-" "$seeds" "corpus/$target" >"$log" 2>&1; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions"
    else
        echo "$target: FAILED; see fuzz/$log"
        failed=1
    fi
    rm -r "$seeds"
done
exit "${failed:-0}"
