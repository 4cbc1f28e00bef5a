"""Scores over ranks, in real processes over gloo, against one process and against the oracle."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import plogq

from . import bounds, oracle, slopes
from .distributed import (
    dying,
    exact,
    infinite,
    options,
    placed,
    predicted,
    recorded,
    refusing,
    weightless,
)
from .distributed.processes import Outcome, run
from .refusals import Refusal, check, refused

Case = Callable[[int, int], Any]
# Each is what it is on one rank, or asserts what else it should be.
ALIKE: tuple[Case, ...] = (
    infinite.hard_values,
    infinite.overflowing_gaps,
    weightless.events_without_mass,
    options.reductions,
    options.ignored_and_empty,
    options.other_functions,
    options.linear,
    options.collectives,
    options.subgroups,
    placed.classes,
    placed.events,
    placed.both,
    placed.linear_weights,
    predicted.two_predictions,
)
CASES: tuple[Case, ...] = (
    *ALIKE,
    exact.every_pair,
    exact.confident,
    refusing.refusals,
    refusing.not_differentiable_again,
    placed.misplaced,
    predicted.unlike_predictions,
)


@cache
def outcomes(world: int) -> dict[str, list[Outcome]]:
    """All cases of a world, in one start of its processes."""
    return run([*CASES], world)


def answers(case: Case, world: int) -> list[Any]:
    """What a case returned on every rank, none of which failed."""
    found = outcomes(world).get(case.__name__, [])
    failures = [x.failure for x in found if x.failure is not None]
    assert not failures, "\n".join(failures)
    assert len(found) == world, f"{case.__name__} did not run: an earlier case failed"
    return [x.value for x in found]


@pytest.fixture(params=[2, pytest.param(4, marks=pytest.mark.slow)], ids=lambda n: f"{n} ranks")
def world(request: pytest.FixtureRequest) -> int:
    return request.param


def whole(parts: list[Any], name: str) -> Any:
    """The gradients of all ranks as one; a hidden state's is the same on each."""
    arrays = [part[1][name] for part in parts]
    if name != "hidden":
        return np.concatenate(arrays, axis=-1 if name == "scores" else 0)
    for other in arrays[1:]:
        np.testing.assert_array_equal(other, arrays[0])
    return arrays[0]


class Whole:
    """The gradients of a pair under the names of Q's arrays."""

    def __init__(self, parts: list[Any]) -> None:
        for name in parts[0][1]:
            setattr(self, name, whole(parts, name))
        self.bias = getattr(self, "bias", None)


@cache
def truth(p: str, q: str, dtype: np.dtype[Any]) -> tuple[bounds.Losses, slopes.Slopes]:
    """The oracle's losses and gradients of a pair, asked for once for all worlds."""
    target, prediction = exact.made(p, q, dtype)
    costs = [
        oracle.cross_entropy(row, costs)
        for row, costs in zip(target.truth, prediction.costs, strict=True)
    ]
    masses = [oracle.mass(row) for row in target.truth]
    slack = float(slopes.slack(prediction, dtype) * max(masses))
    gradient = slopes.Slopes(target, prediction, dtype, exact.D_LOSS)
    return bounds.Losses(costs, dtype, masses, slack), gradient


@pytest.mark.parametrize("dtype", exact.DTYPES)
def test_every_pair_is_as_exact_as_on_one_rank(world: int, dtype: str) -> None:
    found = answers(exact.every_pair, world)
    for p, q in exact.PAIRS[dtype]:
        parts = [part[p, q, dtype] for part in found]
        losses, gradient = truth(p, q, exact.dtype_of(dtype))
        with bounds.noted(f"{p} × {q} over {world} ranks, {dtype}"):
            for other in parts[1:]:
                np.testing.assert_array_equal(other[0], parts[0][0])
            losses.check(parts[0][0])
            gradient.check(Whole(parts))


@pytest.mark.parametrize("dtype", exact.DTYPES)
def test_confident_predictions_keep_their_precision(world: int, dtype: str) -> None:
    found = [part[dtype] for part in answers(exact.confident, world)]
    z, y = exact.confident_rows(exact.dtype_of(dtype))
    bounds.check_losses(found[0][0], oracle.label_costs(z, y), z.dtype)
    true = [g for row in oracle.label_gradients(z, y) for g in row]
    bounds.check_hard_gradient(whole(found, "scores").reshape(-1), true, z.dtype)


@pytest.mark.parametrize("case", ALIKE, ids=lambda case: case.__name__)
def test_is_what_it_is_on_one_rank(world: int, case: Case) -> None:
    answers(case, world)


# What each bad call raises, and a part of what it says on every rank.
REFUSED = {
    "events": ("ShapeError", "the ranks disagree on the shape of the events: (6,) on rank 0; (5,)"),
    "ndim": ("ShapeError", "the ranks disagree on the shape of the events: (6,) on rank"),
    "dtype": ("DtypeError", "the ranks disagree on the dtype of the scores: float64 on rank"),
    "integers on one": ("DtypeError", "must be floating point"),
    "axis on one": ("ShapeError", "axis 5 of ShardedLogits does not exist"),
    "labels short on one": ("ShapeError", "P and Q must describe the same events"),
    "label out of range": ("LabelError", "is outside the 10 classes 0…9"),
    "label out of range on one": ("LabelError", "the ranks disagree on the values of the target"),
    "labels differ": ("LabelError", "the ranks disagree on the values of the target"),
    "ignore differs": ("PairError", "the ranks disagree on the kind of target"),
    "smoothed on one": ("PairError", "the ranks disagree on the kind of target"),
    "weights differ": ("LabelError", "the ranks disagree on the values of the target"),
    "class weights too few": ("ShapeError", "class_weight has 9 weights for 10 classes"),
    "divergence from a slice": ("PairError", "over ranks the entropy of P needs all 10 classes"),
    "softcap": ("PairError", "the ranks disagree on the softcap: None on rank"),
    "types of Q": ("PairError", "the ranks disagree on the type of Q: ShardedLogits on rank"),
    "features": ("ShapeError", "the ranks disagree on the features of hidden: 3 on rank"),
    "hidden on one": ("ShapeError", "hidden has 4 features and weight 3"),
    "gradient of hidden": ("PairError", "the ranks disagree on the gradient of hidden: none on"),
    "probs of other classes": ("ShapeError", "P has 7 classes"),
    "probs do not sum to 1": ("ProbabilityError", "sums to 3, not to 1"),
    "a negative probability on one": ("ProbabilityError", "which is no probability"),
    "target with a gradient": ("PairError", "no gradients with respect to the target"),
    "one class in all": ("ShapeError", "ShardedLogits has one class"),
    "NaN on one, checked": ("ProbabilityError", "ShardedLogits is NaN at"),
}
# Those that one rank alone can find; the others are told by whom.
ALONE = (
    "integers on one",
    "axis on one",
    "labels short on one",
    "hidden on one",
    "a negative probability on one",
    "target with a gradient",
    "NaN on one, checked",
)


@pytest.mark.parametrize("name", REFUSED)
def test_a_disagreement_is_the_same_clear_error_on_every_rank(world: int, name: str) -> None:
    error, part = REFUSED[name]
    for rank, said in enumerate(answers(refusing.refusals, world)):
        assert said[name][0] == error, said[name]
        assert part in said[name][1]
        heard = said[name][1].startswith(f"rank {world - 1} refused its input: ")
        assert heard == (name in ALONE and rank < world - 1), (rank, said[name])


def test_every_bad_call_is_looked_at(world: int) -> None:
    for said in answers(refusing.refusals, world):
        assert said.keys() == REFUSED.keys()


def test_what_differentiates_again_is_refused(world: int) -> None:
    for said in answers(refusing.not_differentiable_again, world):
        assert len(said) == 4
        for error, text in said:
            assert error == "PlogqError"
            assert "cannot be differentiated again" in text


def test_a_placement_that_says_nothing_is_refused(world: int) -> None:
    for said in answers(placed.misplaced, world):
        assert len(said) == 12
        for part, (error, text) in said:
            assert error == "PairError", (part, text)
            assert part in text


@pytest.mark.slow
def test_compiled_the_ranks_meet_between_two_parts() -> None:
    """The compiler takes seconds to load on every rank: two of them are enough to meet."""
    for outcome in run([recorded.compiled], 2)["compiled"]:
        assert outcome.failure is None, outcome.failure
        error, text = outcome.value
        assert error == "Unsupported"
        assert "torch.compiler.disable" in text


@pytest.mark.parametrize("case", [dying.before_the_loss, dying.never_comes, dying.before_backward])
def test_a_rank_that_dies_leaves_an_error_and_not_a_hang(case: Case) -> None:
    outcome = run([case], 2, dying.SECONDS)[case.__name__][0]
    assert outcome.failure is None, outcome.failure
    error, text, seconds = outcome.value
    assert error in ("RuntimeError", "DistNetworkError")
    assert "Connection closed" in text or "Timed out" in text or "reset" in text, text
    assert seconds < 4 * dying.SECONDS


def _alone() -> Any:
    labels, scores = torch.tensor([0]), torch.zeros(1, 3)
    return plogq.cross_entropy(plogq.Labels(labels), plogq.ShardedLogits(scores))


def _without_values() -> Any:
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        scores = plogq.ShardedLogits(torch.zeros(1, 3, device="meta"))
        return plogq.cross_entropy(plogq.Labels(torch.tensor([0])), scores)
    finally:
        torch.distributed.destroy_process_group()


@refused(
    Refusal("no group", _alone, plogq.PlogqError, "torchrun", "init_process_group()", "Logits("),
    Refusal(
        "NumPy scores",
        lambda: plogq.ShardedLogits(np.zeros((2, 3))),
        plogq.DtypeError,
        "ShardedLogits takes this rank's slice",
        "got ndarray",
        "write Logits(scores)",
    ),
    Refusal(
        "NumPy hidden",
        lambda: plogq.LinearLogits(np.zeros((2, 3)), np.zeros((4, 3)), group="a group"),
        plogq.DtypeError,
        "takes PyTorch tensors, got ndarray",
        "leave the group out",
    ),
    Refusal("no values", _without_values, plogq.DtypeError, "the meta device"),
)
def test_what_one_process_can_tell_is_refused_there(refusal: Refusal) -> None:
    check(refusal)


@pytest.mark.slow
def test_the_example_learns_the_same_as_one_process() -> None:
    example = Path(__file__).parents[1] / "examples" / "vocabulary_parallel.py"
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    ran = subprocess.run(
        [sys.executable, *torchrun, example],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = re.findall(r"^(\S.*?) {2,}((?:\d+\.\d{6} ?)+)$", ran.stdout, re.MULTILINE)
    found = {name: [float(x) for x in values.split()] for name, values in rows}
    alone = found.pop("one process")
    assert found.keys() == {"ShardedLogits", "LinearLogits"}
    assert alone[-1] < 0.8 * alone[0]
    for losses in found.values():
        assert losses == pytest.approx(alone, rel=1e-5)


def test_it_shows_what_it_is() -> None:
    q = plogq.ShardedLogits(torch.tensor([[1.0, 2.0]]), axis=1, softcap=30)
    assert repr(q) == "ShardedLogits(tensor([[1., 2.]]), None, axis=1, softcap=30.0)"


def test_two_predictions_that_do_not_meet_are_refused_on_every_rank(world: int) -> None:
    for split, classes, weight in answers(predicted.unlike_predictions, world):
        assert split[0] == "PairError"
        assert "write both as ShardedLogits" in split[1]
        assert "of one that is whole give the classes of this rank" in split[1]
        assert classes[0] == "ShapeError"
        assert re.search("P has .* classes .* and Q has", classes[1])
        assert weight[0] == "PairError"
        assert "disagree on the kind of target" in weight[1]
