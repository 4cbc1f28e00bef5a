"""The suites that every framework passes, on arrays of JAX: laws, and what is refused."""

from __future__ import annotations

from ..suite import equivalences, functions, laws, mass_zero, refusals, spread, two_predictions
from .adapter import FRAMEWORK


class TestLaws(laws.Laws):
    framework = FRAMEWORK


class TestEquivalences(equivalences.Equivalences):
    framework = FRAMEWORK


class TestMassZero(mass_zero.MassZero):
    framework = FRAMEWORK


class TestRefusals(refusals.Refusals):
    framework = FRAMEWORK


class TestTwoPredictions(two_predictions.TwoPredictions):
    framework = FRAMEWORK


class TestSpread(spread.Spread):
    framework = FRAMEWORK


class TestFunctions(functions.Functions):
    framework = FRAMEWORK
