"""What a peer's helper stands for, as data: which P, which Q, which reduction, which quirks.

The page of equivalences is printed from these declarations, and a test holds that each `call` gives
the helper's own numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

Named = TypeVar("Named", bound=Callable[..., Any])

EXCLUSIVE = "exclusive classes"
YES_NO = "independent yes/no outcomes"


class Takes(StrEnum):
    """What a helper takes for Q, as a program asks: the prose says it to a reader."""

    SCORES = "scores"
    PROBABILITIES = "probabilities"
    LOG_PROBABILITIES = "log-probabilities"
    HIDDEN = "hidden states"


class Holds(StrEnum):
    """What a helper takes for P."""

    INDEX = "class indices"
    DISTRIBUTION = "one-hot or soft rows"
    EITHER = "class indices, or one-hot or soft rows"
    YES_NO = "a yes or no for each score"


class Reduces(StrEnum):
    """What a helper returns where its caller says nothing."""

    EVENT = "one loss per event"
    ELEMENT = "one loss per element"
    LAST_AXIS = "mean over the last axis"
    MEAN = "mean over the events"
    MEAN_OF_ELEMENTS = "mean over the elements"


@dataclass(frozen=True, slots=True)
class Helper:
    """One helper of a peer.

    `call` is the plogq call that has the helper's numbers wherever no quirk is at work: a Python
    expression in plogq's public names and the helper's own arguments.
    """

    peer: str
    name: str
    outcomes: str
    target: str  # what P holds, in words: "a distribution per event, classes last"
    prediction: str  # what Q holds, in words
    reduction: str  # "one loss per event", "mean over the batch", …
    call: str
    quirks: tuple[str, ...] = field(default=())
    note: str = ""  # what to watch for when moving to the call


HELPERS: dict[tuple[str, str], Helper] = {}


def declares(
    peer: str,
    name: str,
    *,
    outcomes: str,
    target: str,
    prediction: str,
    reduction: str,
    call: str,
    quirks: tuple[str, ...] = (),
    note: str = "",
) -> Callable[[Named], Named]:
    """Say of a function or class of compat what it stands for.

    Raises:
        ValueError: two helpers of one name.
    """
    helper = Helper(peer, name, outcomes, target, prediction, reduction, call, quirks, note)

    def declared(named: Named) -> Named:
        if (peer, name) in HELPERS:
            raise ValueError(f"{peer} has two helpers of the name {name}")
        HELPERS[peer, name] = helper
        return named

    return declared


def declares_as(peer: str, name: str, function: str) -> Callable[[Named], Named]:
    """Say of a class of compat that it stands for what a function of the same peer stands for.

    Its call is in the arguments of the constructor and of the call together.

    Raises:
        ValueError: two helpers of one name.
    """

    def declared(named: Named) -> Named:
        if (peer, name) in HELPERS:
            raise ValueError(f"{peer} has two helpers of the name {name}")
        HELPERS[peer, name] = replace(HELPERS[peer, function], name=name)
        return named

    return declared
