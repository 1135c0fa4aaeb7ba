"""Texts that several lines have are found, wherever the lines are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from asglog import _asglog

#: Few values in few ranges, so that some are equal.
KEYS = st.lists(st.integers(0, 7).map(lambda n: (n * 0x2492_4924_9249_2492) % 2**64), max_size=12)


def saved(keys: list[int]) -> bytes:
    return b"".join(key.to_bytes(8, "little") for key in keys)


def read(keys: bytes) -> list[int]:
    return [int.from_bytes(keys[n : n + 8], "little") for n in range(0, len(keys), 8)]


@given(st.lists(KEYS, max_size=4), st.integers(1, 5))
def test_rooms_find_what_stands_in_several_parts_or_twice_in_one(parts: list[list[int]], rooms: int) -> None:
    taken = []
    for part in parts:
        texts = _asglog.TextKeys()
        texts.add(saved(part))
        assert len(texts) == len(part)
        taken.append(texts.take(rooms))
        assert len(texts) == 0 and len(taken[-1]) == rooms
    found: list[int] = []
    for room in range(rooms):
        repeated = _asglog.repeated_keys([part[room] for part in taken], 100)
        assert repeated is not None
        found += read(repeated)
    counts = Counter(key for part in parts for key in part)
    assert found == sorted(key for key, count in counts.items() if count > 1)


def test_too_many_are_not_returned() -> None:
    assert _asglog.repeated_keys([saved([1, 2, 3]), saved([2, 3, 4])], 2) == saved([2, 3])
    assert _asglog.repeated_keys([saved([1, 2, 3]), saved([2, 3, 4])], 1) is None


@given(st.lists(st.tuples(st.integers(0, 5), KEYS), max_size=6))
def test_numbers_that_share_a_key_are_joined(parts: list[tuple[int, list[int]]]) -> None:
    def whole(pairs: list[tuple[int, int]]) -> set[frozenset[int]]:
        sets = {number: {number} for number, _ in parts}
        for one, other in pairs:
            both = sets[one] | sets[other]
            sets.update(dict.fromkeys(both, both))
        return {frozenset(held) for held in sets.values()}

    pairs = _asglog.sharing_keys([(number, saved(keys)) for number, keys in parts])
    shared = [(a, b) for a, keys in parts for b, others in parts if set(keys) & set(others)]
    assert whole(pairs) == whole(shared)
