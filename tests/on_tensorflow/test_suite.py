"""The suites that every framework passes, on tensors of TensorFlow: those of numbers."""

from __future__ import annotations

from ..suite import contract, exactness, infinities
from .adapter import FRAMEWORK


class TestInfinities(infinities.Infinities):
    framework = FRAMEWORK


class TestExactness(exactness.Exactness):
    framework = FRAMEWORK


class TestContract(contract.Contract):
    framework = FRAMEWORK
