"""The machine that the numbers belong to: processor, cores, memory, and versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    ("plogq", "plogq"),
    ("NumPy", "numpy"),
    ("SciPy", "scipy"),
    ("scikit-learn", "scikit-learn"),
    ("PyTorch", "torch"),
    ("JAX", "jax"),
    ("optax", "optax"),
    ("TensorFlow", "tensorflow-cpu"),
    ("Keras", "keras"),
    ("pyarrow", "pyarrow"),
)


def describe() -> dict[str, Any]:
    """What a reader needs to know about where this was measured."""
    return {
        "processor": _processor(),
        "cores": _cores(),
        "instruction_set": _kernels().get("instruction_set", "unknown"),
        "threads": _kernels().get("threads", "unknown"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {title: v for title, name in _PACKAGES if (v := _version(name))},
    }


def sentence(machine: dict[str, Any]) -> str:
    """The same in one line."""
    packages = ", ".join(f"{name} {v}" for name, v in machine["packages"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; "
        f"plogq's kernels: {machine['instruction_set']}, {machine['threads']} threads; "
        f"Python {machine['python']}, {packages}"
    )


def _kernels() -> dict[str, Any]:
    from plogq.kernels.cpu.processor import machine

    return dict(machine())


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _processor() -> str:
    """The processor's model: of /proc/cpuinfo where there is one, with family and model number,
    since virtual machines often hide the name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    known = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    name = " ".join(known.get("model name", platform.machine()).split())
    family, model = known.get("cpu family"), known.get("model")
    return f"{name} (family {family}, model {model})" if family and model else name


def _version(name: str) -> str | None:
    if name == "plogq":
        import plogq

        return plogq.__version__
    try:
        return version(name)
    except PackageNotFoundError:
        return None
