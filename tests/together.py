"""Many cases in one test: what pytest does around a test takes longer than most cases do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from functools import wraps
from typing import Any

import numpy as np
import pytest

from .bounds import noted

Test = Callable[..., None]


def for_each(
    names: str | Sequence[str],
    values: Iterable[Any],
    ids: Iterable[str] | Callable[[Any], str] | None = None,
) -> Callable[[Test], Test]:
    """As `pytest.mark.parametrize`, in one test: the case that fails is named in its traceback.

    Fixtures are the same for all of them, but that each starts from the same random numbers.
    """
    split = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
    given = list(values)
    assert given, f"no case of {names}"
    named = list(map(ids, given)) if callable(ids) else list(ids or map(_short, given))
    cases = [c.values if _of_pytest(c) else c if len(split) > 1 else (c,) for c in given]

    def decorate(test: Test) -> Test:
        @wraps(test)
        def every(*bound: Any, **other: Any) -> None:
            for case, name in zip(cases, named, strict=True):
                with noted(f"{', '.join(split)}: {name}"):
                    test(*bound, **fresh(other), **dict(zip(split, case, strict=True)))

        taken = inspect.signature(test)
        kept = [p for n, p in taken.parameters.items() if n not in split]
        assert len(kept) == len(taken.parameters) - len(split), f"{names}: not all are parameters"
        vars(every)["__signature__"] = taken.replace(parameters=kept)
        return every

    return decorate


def one_by_one(name: str, test: Test) -> Test:
    """The test, for an argument of this name that is a list of what it takes."""

    @wraps(test)
    def every(*given: Any, **other: Any) -> None:
        for case in other.pop(name):
            with noted(f"{name}: {_short(case)}"):
                test(*given, **fresh(other), **{name: case})

    return every


def fresh(fixtures: dict[str, Any]) -> dict[str, Any]:
    """The same, with generators that start where these do."""
    return {
        n: deepcopy(x) if isinstance(x, np.random.Generator) else x for n, x in fixtures.items()
    }


def _of_pytest(case: Any) -> bool:
    """Whether this is a `pytest.param`, of which marks would be lost."""
    if not isinstance(case, type(pytest.param())):
        return False
    assert not case.marks, case
    return True


def _short(case: Any) -> str:
    return str(case.id or case.values)[:200] if _of_pytest(case) else str(case)[:200]
