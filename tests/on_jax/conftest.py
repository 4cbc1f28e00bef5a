"""What every test on arrays of JAX starts from: 64-bit types, and the ways that pairs go."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest

from . import arrays

# What is about numbers and memory.
OPTIMISED = ("test_suite", "test_without_64_bits", "test_memory")


@pytest.fixture(autouse=True)
def x64() -> Iterator[None]:
    """jax_enable_x64 is on for every test, and as it was after it."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module", autouse=True)
def plain_programs(request: pytest.FixtureRequest) -> None:
    """XLA optimises the programs of these files, and of no others, which takes half of the time."""
    if request.path.stem not in OPTIMISED:
        request.getfixturevalue("unoptimised")


@pytest.fixture
def narrow(x64: None) -> Iterator[None]:
    """jax_enable_x64 is off, as it is unless a program turns it on."""
    with jax.enable_x64(False):
        yield


@pytest.fixture(params=["x64", "x32"])
def width(request: pytest.FixtureRequest, x64: None) -> Iterator[str]:
    """jax_enable_x64 on, then off."""
    with jax.enable_x64(request.param == "x64"):
        yield request.param


@pytest.fixture(params=arrays.PROGRAMS)
def way(request: pytest.FixtureRequest, x64: None) -> Iterator[str]:
    """The kernel, then the formula, as XLA compiles them."""
    with arrays.by(request.param):
        yield request.param
