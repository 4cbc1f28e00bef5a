"""Threads that work ahead: what comes of it has the order of a loop, errors too."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from plogq.score import threads
from plogq.score.threads import in_order


@pytest.fixture(params=[1, 4])
def count(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(threads, "_arrow", type("", (), {"cpu_count": lambda: request.param}))
    return request.param


def test_the_order_is_that_of_the_items(count: int) -> None:
    def slow(k: int) -> int:
        time.sleep(0.002 * (5 - k % 5))
        return k

    assert list(in_order(iter(range(20)), slow)) == list(range(20))


def test_no_more_is_read_ahead_than_is_worked_on(count: int) -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for k in range(100):
            read.append(k)
            yield k

    found = in_order(items(), lambda k: k)
    assert next(found) == 0
    found.close()
    assert len(read) == (5 if count > 1 else 1)


def test_an_item_that_cannot_be_had_is_said_after_those_before_it(count: int) -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("it ends here")

    found = in_order(items(), lambda k: k)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="it ends here"):
        next(found)


def test_work_that_fails_is_said_in_its_turn(count: int) -> None:
    found = in_order(iter([1, 2, 0, 4]), lambda k: 1 // k)
    assert [next(found), next(found)] == [1, 0]
    with pytest.raises(ZeroDivisionError):
        next(found)
