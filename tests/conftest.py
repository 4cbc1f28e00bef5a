"""One hypothesis profile, the same examples on every run, and what every test starts from."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from plogq.kernels import table
from plogq.kernels.cpu import processor as cpu

# Without a GPU Triton's kernels run under its interpreter, which it asks for as it is loaded.
_GPU = any(Path(x).exists() for x in ("/dev/nvidiactl", "/dev/kfd"))
os.environ.setdefault("TRITON_INTERPRET", "0" if _GPU else "1")
# Triton and TensorFlow each bring an LLVM, and only Triton's may be loaded before the other.
with suppress(ImportError):
    import triton as triton

# Programs that JAX compiles are kept, for every process of the tests and for the next time.
_PROGRAMS = Path(__file__).parents[1] / ".cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_PROGRAMS))
for _name in ("MIN_COMPILE_TIME_SECS", "MIN_ENTRY_SIZE_BYTES"):
    os.environ.setdefault(f"JAX_PERSISTENT_CACHE_{_name}", "0")

# What a shell starts in the background ignores Ctrl-C, and so would the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What the suites of every framework assert is explained as in a file of tests.
pytest.register_assert_rewrite("tests.suite")

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
FRAMEWORKS = {
    "torch": ("torch",),
    "triton": ("torch", "triton"),
    "jax": ("jax",),
    "tensorflow": ("tensorflow",),
}
collect_ignore = [
    f"on_{name}" for name, needs in FRAMEWORKS.items() if not all(map(find_spec, needs))
]


def pytest_report_header() -> str | None:
    if not collect_ignore:
        return None
    return "frameworks that are not installed are left out: tests/" + ", ".join(collect_ignore)


def pytest_configure(config: pytest.Config) -> None:
    # Programs of JAX that nothing asks for any more would stay for ever.
    kept = () if hasattr(config, "workerinput") else _PROGRAMS.glob("*")
    if sum(x.stat().st_size for x in kept) > 1 << 29:
        rmtree(_PROGRAMS)
    config.addinivalue_line(
        "markers", "slow: compiles many programs or starts processes; -m 'not slow' leaves it out"
    )


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
