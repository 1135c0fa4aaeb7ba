"""Packets as a table: this package beside what people write for it in polars and DuckDB.

    python bench/packets.py [LINES]        # a release build; one core: taskset -c 0

Measures the way from the bytes of a log to an Arrow table of its packets; eight lines in ten are
packets. Each way runs on one thread, in one process, and the best of some rounds counts. polars
splits the bytes into lines with its own function; the times of polars and DuckDB for lines that are
already split are printed too. The ratios come last.
"""

from __future__ import annotations

import io
import os
import random
import sys
import time
from collections.abc import Callable

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import duckdb
import polars
import pyarrow

import asglog

#: The usual pattern: eight groups that all packets have.
PATTERN = (
    r"\] ([^ ]+) ?IN=([^ ]*) OUT=([^ ]*) .*?SRC=([0-9a-f.:]+) DST=([0-9a-f.:]+) .*?PROTO=([A-Z0-9]+)"
    r"(?: SPT=([0-9]+) DPT=([0-9]+))?"
)
GROUPS = ["prefix", "in", "out", "src", "dst", "proto", "spt", "dpt"]


def log(lines: int, seed: int = 7) -> bytes:
    """Makes a mixed log: allowed and denied TCP and UDP, container-to-container, ICMP, noise,
    rep."""
    chance = random.Random(seed)
    made = []
    for n in range(lines):
        stamp = f"2024-05-06T07:{n // 60 % 60:02}:{n % 60:02}.{n % 1_000_000:06}+00:00"
        head = (
            f"<4>1 {stamp} 10.0.16.{n % 40} kernel - - [instance@47450 director=\"\" deployment=\"cf\" "
            f"group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-11fa-41ab-9d1c-{n % 40:012x}\"] "
        )
        kind = chance.randrange(10)
        if kind == 0:
            made.append(f"{head}[{n}.000001] audit: type=1400 apparmor=\"DENIED\" operation=\"open\" pid={n}")
            continue
        if kind == 1:
            made.append(
                f'{{"timestamp":"{1714979350 + n}.889604807","source":"rep","message":"rep.executing-container-operation.'
                f'starting","log_level":1,"data":{{"container-guid":"{chance.getrandbits(112):028x}","session":"{n}"}}}}'
            )
            continue
        handle = f"{chance.getrandbits(32):08x}-{chance.getrandbits(16):04x}-4{chance.getrandbits(12):03x}-8000"
        a, b, c = chance.randrange(256), chance.randrange(256), chance.randrange(1, 255)
        start = (
            f"{head}[{n:6}.{a:06}] {('OK', 'DENY')[kind % 2]}_{handle} IN=s-010255{a:03}{b:03} OUT=eth0 "
            f"MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=10.255.{a}.{b} DST=203.0.{c}.{a} LEN=60 TOS=0x00 PREC=0x00 "
            f"TTL=63 ID={n % 65536} DF "
        )
        spt, dpt = 32768 + n % 28000, (80, 443, 5432, 53)[c % 4]
        if kind == 2:
            made.append(f"{start}PROTO=ICMP TYPE=8 CODE=0 ID={n % 65536} SEQ=1 ")
        elif kind < 5:
            made.append(f"{start}PROTO=UDP SPT={spt} DPT={dpt} LEN=40 ")
        else:
            made.append(f"{start}PROTO=TCP SPT={spt} DPT={dpt} WINDOW=27400 RES=0x00 SYN URGP=0 ")
    return "\n".join(made).encode() + b"\n"


def ours(data: bytes) -> Callable[[], int]:
    """Builds all columns."""
    return lambda: len(pyarrow.table(asglog.scan(data)))


def ours_same(data: bytes) -> Callable[[], int]:
    """Builds the columns that the others build."""
    return lambda: len(pyarrow.table(asglog.scan(data).columns(*GROUPS)))


def with_polars(data: bytes) -> Callable[[], int]:
    return lambda: extracted(polars.read_lines(io.BytesIO(data), name="line"))


def with_polars_split(data: bytes) -> Callable[[], int]:
    lines = polars.read_lines(io.BytesIO(data), name="line")
    return lambda: extracted(lines)


def extracted(lines: polars.DataFrame) -> int:
    fields = lines["line"].str.extract_groups(PATTERN).struct.unnest()
    return fields.filter(polars.col(fields.columns[3]).is_not_null()).height


def with_duckdb(data: bytes) -> Callable[[], int]:
    return lambda: matched(polars.read_lines(io.BytesIO(data), name="line").to_arrow())


def with_duckdb_split(data: bytes) -> Callable[[], int]:
    lines = polars.read_lines(io.BytesIO(data), name="line").to_arrow()
    return lambda: matched(lines)


def matched(lines: object) -> int:
    names = [*GROUPS, "more"]
    with duckdb.connect(config={"threads": 1}) as db:
        db.register("lines", lines)
        query = (
            f"select f.* from (select regexp_extract(line, '{PATTERN}(.*)', {names}) f from lines) where f.src <> ''"
        )
        return len(db.sql(query).to_arrow_table())


def best(way: Callable[[], int], rounds: int) -> tuple[float, int]:
    times, rows = [], 0
    for _ in range(rounds):
        start = time.perf_counter()
        rows = way()
        times.append(time.perf_counter() - start)
    return min(times), rows


def main(lines: int, rounds: int = 3) -> dict[str, tuple[float, int]]:
    """Measures seconds and rows of each way."""
    data = log(lines)
    ways = {
        "asglog, all columns": ours(data),
        "asglog, same columns": ours_same(data),
        "polars extract_groups": with_polars(data),
        "polars, lines split": with_polars_split(data),
        "duckdb regexp_extract": with_duckdb(data),
        "duckdb, lines split": with_duckdb_split(data),
    }
    found = {name: best(way, rounds) for name, way in ways.items()}
    print(f"{lines} lines, {len(data) / 1e6:.0f} MB")
    for name, (seconds, rows) in found.items():
        print(f"{name:24} {seconds:8.3f} s {seconds / lines * 1e9:8.0f} ns/line {rows:9} rows")
    for mine in ("asglog, all columns", "asglog, same columns"):
        for other, bar in (("polars extract_groups", 6), ("duckdb regexp_extract", 10)):
            print(f"{other} / {mine}: {found[other][0] / found[mine][0]:.1f} (bar {bar})")
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
