"""One hypothesis profile, the same examples on every run, and what every test starts from."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from plogq.kernels import table
from plogq.kernels.cpu import processor as cpu

settings.register_profile(
    "fixed",
    derandomize=True,
    max_examples=60,
    deadline=None,
    # A table fixture does not change between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("fixed")


# Frameworks are extras: without one there is nothing to test there, and the header says so.
FRAMEWORKS = ("torch", "jax", "tensorflow")
collect_ignore = [f"on_{name}" for name in FRAMEWORKS if not find_spec(name)]


def pytest_report_header() -> str | None:
    if not collect_ignore:
        return None
    return "frameworks that are not installed are left out: tests/" + ", ".join(collect_ignore)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds; part of every normal run")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20231)


@pytest.fixture(params=cpu.instruction_sets())
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set that this machine can run, in force for one test."""
    with cpu.instruction_set(request.param):
        yield request.param


@pytest.fixture(params=["formula", *cpu.instruction_sets()])
def kernel(request: pytest.FixtureRequest) -> Iterator[str]:
    """The formula in NumPy's own operations, then the C++ kernel on each instruction set."""
    if request.param == "formula":
        with table.using("formula"):
            yield request.param
        return
    with cpu.instruction_set(request.param):
        yield request.param
