"""What the examples print, run as their first lines say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from .forked import commands

EXAMPLES = Path(__file__).parents[1] / "examples"
# Only Linux tells a process how much memory it has held, and the examples print it where they can.
LINUX = sys.platform == "linux"
# What the tools that people train with take seconds to load; Keras and plogq are not there, and
# TensorFlow has to come after Triton.
TOOLS = """
import importlib, os, sys
os.environ["HF_HUB_OFFLINE"] = "1"
for name in ("triton", "torch", "sklearn.datasets", "sklearn.model_selection", "transformers",
             "transformers.trainer", "accelerate", "datasets", "sentence_transformers",
             "trl.trainer.sft_trainer", "skorch", "jax", "optax", "flax.nnx"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
assert not {"keras", "plogq", "tensorflow"} & set(sys.modules)
"""
# As a shell starts it: its own folder is where it looks for what stands beside it.
SCRIPT = """
import runpy, sys
sys.path.insert(0, {folder!r})
def main(): runpy.run_path({path!r}, run_name="__main__")
"""


def printed(*command: str | Path) -> str:
    """What a process of its own prints."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("PLOGQ_", "OMP_"))}
    run = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=600, env=known
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def doubled(name: str, **env: str) -> str:
    """What an example prints in a process that is doubled from one that has loaded its tools."""
    code = SCRIPT.format(folder=str(EXAMPLES), path=str(EXAMPLES / f"{name}.py"))
    run = commands(TOOLS, HF_HUB_OFFLINE="1").run(code=code, env=env)
    assert run.returncode == 0, run.stderr
    return run.stdout


def losses(text: str) -> dict[str, list[float]]:
    """The losses of every step, by how they were computed."""
    rows = re.findall(r"^(\S.*?) {2,}((?:\d+\.\d{6} ?)+)$", text, re.MULTILINE)
    return {name: [float(x) for x in values.split()] for name, values in rows}


def steps(text: str) -> dict[tuple[str, int], float]:
    """How far a step is off, by how it was computed and into how many batches it was cut."""
    rows = re.findall(r"^(.*?) +(\d+) × +\d+ sentences (\S+)$", text, re.MULTILINE)
    return {(name, int(batches)): float(x) for name, batches, x in rows}


def costs(text: str) -> dict[str, float]:
    """Megabytes at the peak of a step, by how the loss was computed; its time is printed too."""
    rows = re.findall(r"^(\S.*?) +\d+ ms(?: +(\d+) MB)?$", text, re.MULTILINE)
    assert rows
    return {name: float(mb) for name, mb in rows if mb or LINUX}
