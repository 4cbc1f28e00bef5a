"""Lengths of axes: numbers, or what stands for one that is known only when a program runs.

A program that is being recorded may leave lengths open. Whatever asks for one then gets a `Length`
in its place: it fits every other length, on the condition that they agree when the program runs.
"""

from __future__ import annotations

from math import prod
from typing import Any


class Length:
    """A length that is known only when a recorded program runs; a framework's verbs make it.

    It takes part in products and quotients, which are then the framework's own numbers.
    """

    __slots__ = ()


def known(shape: tuple[Any, ...]) -> bool:
    """Whether every length of a shape is a number."""
    return not any(isinstance(n, Length) for n in shape)


def count(shape: tuple[Any, ...]) -> Any:
    """The number of elements, as a float, or as the framework's number where it is not known."""
    number: Any = prod(shape)
    return float(number) if isinstance(number, int) else number
