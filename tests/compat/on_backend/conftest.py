"""Warnings that Keras' own code gives on the way; ours stay errors."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    for allowed in (
        # Keras reads tensors of PyTorch as NumPy 1 did.
        "ignore:__array__ implementation doesn't accept:DeprecationWarning",
        # Keras' NumPy backend divides rows of zeros, and computes with what is out of range.
        r"ignore::RuntimeWarning:keras\.src\.backend\.numpy",
    ):
        config.addinivalue_line("filterwarnings", allowed)
