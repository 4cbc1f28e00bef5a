"""The comparison of two runs of a peer's tests says what it should."""

from __future__ import annotations

import pytest

from .suite import Outcomes, check

THEIRS = frozenset({"a", "b"})


def ours(*passed: str, calls: int = 1) -> Outcomes:
    others = THEIRS - {*passed}
    return Outcomes(frozenset(passed), others, {"b": "AssertionError: 1 is not 2"}, {"f": calls})


def test_all_pass() -> None:
    check(THEIRS, ours("a", "b"), {})
    check(THEIRS, ours("a"), {"b": "for this reason"})


def test_a_case_that_fails_is_told_with_its_reason() -> None:
    with pytest.raises(AssertionError, match="b: AssertionError: 1 is not 2"):
        check(THEIRS, ours("a"), {})
    with pytest.raises(AssertionError, match="a: did not run"):
        check(THEIRS, ours("b"), {})


def test_a_known_case_that_passes_fails() -> None:
    with pytest.raises(AssertionError, match=r"these pass, or are gone: \['b'\]"):
        check(THEIRS, ours("a", "b"), {"b": "for this reason"})
    with pytest.raises(AssertionError, match=r"or are gone: \['c'\]"):
        check(THEIRS, ours("a", "b"), {"c": "there is none"})


def test_functions_that_are_never_called_fail() -> None:
    with pytest.raises(AssertionError):
        check(THEIRS, ours("a", "b", calls=0), {})
    with pytest.raises(AssertionError, match="nothing was put"):
        check(THEIRS, Outcomes(THEIRS, frozenset(), {}, {}), {})
