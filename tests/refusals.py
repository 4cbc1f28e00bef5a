"""A call that must fail, and the sentence that it must fail with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from plogq import PlogqError

from .together import for_each


class Refusal:
    """A call that must fail, with which error, and what its sentence must say."""

    def __init__(self, name: str, call: Callable[[], Any], error: type, *says: str) -> None:
        self.name, self.call, self.error, self.says = name, call, error, says


def refused(*refusals: Refusal) -> Any:
    return for_each("refusal", refusals, [r.name for r in refusals])


def check(refusal: Refusal) -> None:
    with pytest.raises(refusal.error) as caught:
        refusal.call()
    assert isinstance(caught.value, (PlogqError, ValueError, TypeError))
    message = str(caught.value)
    for part in refusal.says:
        assert part in message, f"{message!r} does not say {part!r}"
    assert "\n" not in message
    assert not re.search(r"  |\.$|!$", message), f"not one plain sentence: {message!r}"
