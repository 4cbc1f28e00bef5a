"""Consequences in numbers: what a loss cannot leave, for the number of classes at hand."""

from __future__ import annotations

from math import e, exp, log


def softmax_band(classes: int) -> tuple[float, float]:
    """The least and the greatest softmax cross-entropy of scores that are probabilities.

    The scores are then 1 for one class and 0 for the others at the most: −1 + ln(e + K − 1) where
    the label is that class, ln(e + K − 1) where it is not.

    >>> [round(x, 3) for x in softmax_band(10)]
    [1.461, 2.461]
    """
    greatest = log(e + classes - 1)
    return greatest - 1, greatest


def greatest_probability(classes: int) -> float:
    """The most that a softmax can give a class where all scores lie in [0, 1].

    >>> round(greatest_probability(10), 3)
    0.232
    """
    return e / (e + classes - 1)


def sigmoid_of_half() -> float:
    """The probability that a score of 0.5 stands for.

    >>> round(sigmoid_of_half(), 3)
    0.622
    """
    return 1 / (1 + exp(-0.5))


SIGMOID_OF_ONE = 1 / (1 + exp(-1))  # 0.731: the most that a sigmoid gives a score in [0, 1]


def band_in_words(classes: int | None) -> str:
    """What scores in [0, 1] do to a softmax cross-entropy, for K classes or in general."""
    if classes is None or classes < 2:
        return (
            "the loss stays between ln(e + K - 1) - 1 and ln(e + K - 1), and no class gets more "
            "than e / (e + K - 1) (K = 10: 1.461 to 2.461, and 0.232)"
        )
    low, high = softmax_band(classes)
    return (
        f"with K = {classes:,} the loss stays within {low:.3f} to {high:.3f}, and no class gets a "
        f"probability above {greatest_probability(classes):.3g}"
    )
