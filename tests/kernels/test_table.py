"""The kernel table: loud about two kernels for one place, and about a kernel that cannot run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import plogq
from plogq.frameworks.rows import CLASSES, LINEAR, ROWS, STORED, TABLE, YES_NO, Key, Table
from plogq.kernels import describe, table
from plogq.kernels.table import using
from plogq.native import processor as cpu

from ..together import for_each

Y, Z = plogq.Labels([1, 0]), plogq.Logits(np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]]))


def test_two_kernels_for_one_place_are_an_error() -> None:
    row = ROWS[0]
    with pytest.raises(ValueError, match="kernels 'cpu' and 'other' both claim place 0"):
        Table((*ROWS, replace(row, name="other")))
    later = Table((*ROWS, replace(row, name="other", place=row.place + 1)))
    (key,) = row.keys()
    assert [r.name for r in later.rows[key]] == [row.name, "other"]


@for_each("name", ["formula", "cpu"])
def test_a_kernel_that_is_asked_for_by_name_runs(name: str) -> None:
    with table.using(name):
        assert plogq.explain(Y, Z).chosen == name
        got = plogq.cross_entropy(Y, Z, reduction="none")
    assert got == pytest.approx([0.0658839038, 0.0039742834], abs=5e-11)
    assert plogq.explain(Y, Z).chosen == "cpu"


def test_a_kernel_that_is_asked_for_by_name_runs_or_raises() -> None:
    swapped = plogq.Logits(Z.scores.astype(Z.scores.dtype.newbyteorder()))
    with (
        table.using("cpu"),
        pytest.raises(plogq.KernelRefused, match=r"'cpu' refused: .*byte order"),
    ):
        plogq.cross_entropy(Y, swapped)
    with table.using("gpu"), pytest.raises(plogq.KernelRefused) as caught:
        plogq.cross_entropy(Y, Z)
    assert "no kernel 'gpu' for Labels × Logits on numpy" in str(caught.value)
    assert "there are cpu, formula" in str(caught.value)
    linear = plogq.LinearLogits(np.zeros((2, 1)), np.zeros((3, 1)))
    p = plogq.Labels(np.zeros(2, int))
    there = "there are chunked, formula, linear"
    with table.using("cpu"), pytest.raises(plogq.KernelRefused, match=there):
        plogq.cross_entropy(p, linear)
    with table.using("formula"):
        assert plogq.cross_entropy(p, linear) == pytest.approx(np.log(3))


def test_every_pair_of_types_has_a_kernel() -> None:
    for framework in ("numpy", "torch", "jax", "tensorflow"):
        for read in ((CLASSES, STORED), (CLASSES, LINEAR), (YES_NO, STORED)):
            assert Key(*read, framework, "cpu") in TABLE.rows


def test_the_machine_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLOGQ_NUM_THREADS", "3")
    found: dict[str, Any] = describe()
    assert found["instruction_set"] == cpu.instruction_sets()[0]
    assert found["threads"] == 3
    assert {row["kernel"] for row in found["table"]} == {row.name for row in table.ROWS_IN_ALL}


@for_each("name", cpu.instruction_sets())
def test_an_instruction_set_is_in_force_inside_its_block(name: str) -> None:
    with cpu.instruction_set(name):
        assert describe()["instruction_set"] == name
        got = plogq.cross_entropy(Y, Z, reduction="none")
    assert got == pytest.approx([0.0658839038, 0.0039742834], abs=5e-11)
    assert describe()["instruction_set"] == cpu.instruction_sets()[0]


def test_an_instruction_set_that_does_not_exist_is_refused() -> None:
    wrong = pytest.raises(ValueError, match=r"this processor runs .*, not 'abacus'")
    with wrong, cpu.instruction_set("abacus"):
        pass


def test_an_explanation_calls_types_what_one_writes() -> None:
    p = plogq.Smoothed(plogq.BinaryProbs([0.0, 1.0]), 0.1)
    said = str(plogq.explain(p, plogq.BinaryLogits([0.0, 1.0])))
    assert said.startswith("Smoothed(BinaryProbs) × BinaryLogits on numpy, cpu: cpu")
    with using("triton"), pytest.raises(plogq.KernelRefused, match=r"Smoothed\(BinaryProbs\) ×"):
        plogq.cross_entropy(p, plogq.BinaryLogits([0.0, 1.0]))
