"""One hypothesis profile, the same examples on every run, and what every test starts from."""

from __future__ import annotations

import gc
import os
import re
import signal
from collections.abc import Generator, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from plogq.kernels import table
from plogq.native import processor as cpu

from .unoptimised import programs_of_jax

# Threads that have nothing to do sleep, and leave the processors to the other processes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Without a GPU Triton's kernels run under its interpreter, which it asks for as it is loaded.
_GPU = any(Path(x).exists() for x in ("/dev/nvidiactl", "/dev/kfd"))
os.environ.setdefault("TRITON_INTERPRET", "0" if _GPU else "1")
# Triton and TensorFlow each bring an LLVM, and only Triton's may be loaded before the other.
with suppress(ImportError):
    import triton as triton

# Programs that are compiled are kept, for every process of the tests and for the next time.
_KEPT = Path(__file__).parents[1] / ".cache"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_KEPT / "jax"))
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(_KEPT / "torch"))
os.environ.setdefault("TRITON_CACHE_DIR", str(_KEPT / "triton"))
# PyTorch starts a pool of processes to compile in, each of which imports it first.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
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
# So are the libraries that take a loss.
BESIDE = {"boost/test_libraries.py": ("lightgbm", "xgboost", "catboost")}
collect_ignore = [
    *(f"on_{name}" for name, needs in FRAMEWORKS.items() if not all(map(find_spec, needs))),
    *(name for name, needs in BESIDE.items() if not all(map(find_spec, needs))),
]


def pytest_report_header() -> str | None:
    if not collect_ignore:
        return None
    return "what is not installed is left out: tests/" + ", ".join(collect_ignore)


# What takes a minute or more of one process begins first, so that none is alone with it at the end.
LONGEST = (
    *("compat/test_keras.py", "doctor/test_running.py", "doctor/test_running_keras.py"),
    *("on_jax/test_suite_of_laws.py", "on_triton/test_hardware_besides.py", "test_sharded.py"),
    *("on_triton/test_hardware.py", "on_torch/test_compile.py", "on_jax/test_suite.py"),
    *("on_triton/test_contract.py", "on_tensorflow/test_suite.py", "score/test_endings.py"),
    *("peers/test_keras_suite.py", "compat/test_optax.py", "arrays/test_loading.py"),
    *("on_jax/test_transforms.py", "on_jax/test_vmap.py", "on_torch/test_suite.py"),
    *("test_examples_of_tools.py", "score/test_engines.py", "test_examples.py"),
    *("kernels/test_contract.py", "on_triton/test_suite.py", "doctor/test_watch_others.py"),
)


# Those of a suite that are slow on one framework and quick on another, and whatever takes long.
SLOW = frozenset(
    f"tests/{line}"
    for line in (Path(__file__).parent / "slow.txt").read_text().splitlines()
    if not line.startswith("#")
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What the frameworks load stays for good: no collection of garbage looks at it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# What is slow as a whole is not even loaded where it is left out.
_SLOW = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.slow", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    left_out = config.option.markexpr == "not slow" and collection_path.suffix == ".py"
    return True if left_out and _SLOW.search(collection_path.read_text("utf-8")) else None


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.partition("[")[0] in SLOW:
            item.add_marker("slow")
    turn = {Path(__file__).parent / name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.path, len(turn)))


def pytest_configure(config: pytest.Config) -> None:
    # Programs that nothing asks for any more would stay for ever.
    for folder in () if hasattr(config, "workerinput") else _KEPT.glob("*"):
        if sum(x.stat().st_size for x in folder.rglob("*") if x.is_file()) > 1 << 29:
            rmtree(folder)
    config.addinivalue_line(
        "markers", "slow: compiles many programs or starts processes; -m 'not slow' leaves it out"
    )


@pytest.fixture(scope="module")
def unoptimised() -> Iterator[None]:
    """JAX optimises nothing, in a third of the time, for files that ask what is called."""
    with programs_of_jax():
        yield


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
