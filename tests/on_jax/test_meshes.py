"""Arrays over a mesh of devices: the numbers of one device, and gradients that lie as scores do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from .. import unoptimised
from . import mesh_program

pytestmark = pytest.mark.slow

KINDS = tuple(mesh_program.KINDS)
NAMES = [
    *(" ".join(case) for case in mesh_program.CASES),
    *(f"{k} {x}" for k in KINDS for x in ("linear", "eager")),
    *("shard_map", "shard_map eager", "shard_map shared", "uneven"),
]


@cache
def results() -> dict[str, Any]:
    """What the program prints; it is started once."""
    flags = f"--xla_force_host_platform_device_count=4 {unoptimised.FLAGS}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.on_jax.mesh_program"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {r["name"]: r for r in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_of_one_device(name: str) -> None:
    assert results()[name]["off"] < 1e-6


@pytest.mark.parametrize("case", [c for c in mesh_program.CASES if c[2] != "whole"], ids=" ".join)
def test_the_gradient_lies_as_the_scores_do(case: tuple[str, str, str]) -> None:
    lies = results()[" ".join(case)]["lies"]
    for axis in filter(None, mesh_program.LAYOUTS[case[2]]):
        assert f"'{axis}'" in lies


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_last_layer_lies_as_it_does(kind: str) -> None:
    assert "'x'" in results()[f"{kind} linear"]["lies"]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_out_of_range_are_named(kind: str) -> None:
    assert "is outside the 12 classes" in results()[f"{kind} refused"]["lies"]
