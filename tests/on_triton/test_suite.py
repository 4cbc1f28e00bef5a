"""The suites that every framework passes, by the kernels in Triton."""

from __future__ import annotations

from ..suite import equivalences, exactness, functions, infinities, laws, mass_zero, spread
from .adapter import FRAMEWORK


class TestLaws(laws.Laws):
    framework = FRAMEWORK


class TestEquivalences(equivalences.Equivalences):
    framework = FRAMEWORK


class TestInfinities(infinities.Infinities):
    framework = FRAMEWORK


class TestMassZero(mass_zero.MassZero):
    framework = FRAMEWORK


class TestExactness(exactness.Exactness):
    framework = FRAMEWORK


class TestSpread(spread.Spread):
    framework = FRAMEWORK


class TestFunctions(functions.Functions):
    framework = FRAMEWORK
