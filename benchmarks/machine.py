"""The machine that the numbers belong to: processor, cores, memory, and versions."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
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
_GPU_PACKAGES = (
    ("Triton", "triton"),
    ("Liger-Kernel", "liger-kernel"),
    ("cut-cross-entropy", "cut-cross-entropy"),
    ("Quack", "quack-kernels"),
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


@cache
def gpu() -> dict[str, Any]:
    """The same of the current CUDA device, which must be there."""
    import torch

    found = torch.cuda.get_device_properties(torch.cuda.current_device())
    return {
        "name": torch.cuda.get_device_name(),
        "memory": found.total_memory,
        "driver": _driver(),
        "cuda": torch.version.cuda or torch.version.hip or "unknown",
        "packages": {title: v for title, name in _GPU_PACKAGES if (v := _version(name))},
    }


def sentence(machine: dict[str, Any]) -> str:
    """The same in one line, the GPU first where there is one."""
    packages = ", ".join(f"{name} {v}" for name, v in machine["packages"].items())
    lead = f"{_gpu_sentence(machine['gpu'])}; " if "gpu" in machine else ""
    return lead + (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; "
        f"plogq's kernels: {machine['instruction_set']}, {machine['threads']} threads; "
        f"Python {machine['python']}, {packages}"
    )


def _gpu_sentence(found: dict[str, Any]) -> str:
    packages = "".join(f", {name} {v}" for name, v in found["packages"].items())
    return (
        f"{found['name']}, {found['memory'] / 2**30:.0f} GiB, driver {found['driver']}, "
        f"CUDA {found['cuda']}{packages}"
    )


def _driver() -> str:
    """The driver's version, of nvidia-smi, which comes with it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.split("\n")[0].strip() or "unknown"


def _kernels() -> dict[str, Any]:
    from plogq.native.processor import machine

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
