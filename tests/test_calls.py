"""A small call enters few Python functions: counted, as it is what a small batch pays for."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchmarks import calls

# For labels alone, and for labels that are ignored, smoothed, weighted or not reduced.
MOST = {
    "NumPy, loss": (45, 70),
    "NumPy, value_and_grad": (50, 70),
    "PyTorch, forward and backward": (22, 70),
    "JAX, traced": (45, 70),
    "TensorFlow, eager": (45, 70),
}


@pytest.mark.parametrize("way", calls.WAYS)
def test_few_functions_are_entered(way: str) -> None:
    package, load = calls.WAYS[way]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    found = calls.counts(*load())
    plain, other = MOST[way]
    assert found.pop("labels") <= plain, found
    assert max(found.values()) <= other, found


def test_what_is_entered_is_counted() -> None:
    import plogq

    labels = calls.entered(lambda: plogq.Labels([1]))
    assert 2 <= labels < calls.entered(lambda: (plogq.Labels([1]), plogq.Labels([1])))
