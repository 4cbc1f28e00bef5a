"""The table of hard inputs: ours is right on every framework, and what is exact is exact."""

from __future__ import annotations

import math

from benchmarks import hard_inputs
from benchmarks.peers import losses

from . import oracle
from .together import for_each

FINITE = [h for h in hard_inputs.INPUTS if h.exact is None and h.kind == "labels"]


def test_there_are_twenty_inputs_and_no_two_alike() -> None:
    assert len({hard.what for hard in hard_inputs.INPUTS}) == 20


@for_each("framework", losses.OURS)
@for_each("hard", hard_inputs.INPUTS, ids=lambda h: h.what)
def test_ours_is_right_everywhere(framework: str, hard: hard_inputs.Hard) -> None:
    truth = hard_inputs.exact(hard)
    found = hard_inputs.shown(losses.OURS[framework], hard, truth)
    if hard.what in ("label 5 of 3 classes", "label -1"):
        assert found == "LabelError"
    else:
        assert found.endswith("✓"), found


@for_each("hard", FINITE, ids=lambda h: h.what)
def test_the_exact_value_is_that_of_the_oracle(hard: hard_inputs.Hard) -> None:
    kept = [i for i, y in enumerate(hard.target) if y != hard.ignore]
    scores = hard.array().astype("float64")[kept]
    costs = [
        oracle.plain_cross_entropy(
            [float(j == hard.target[i]) for j in range(len(row))], [*map(oracle.real, row)], 400
        )
        for i, row in zip(kept, scores, strict=True)
    ]
    mean = float(sum(costs) / len(costs))
    assert math.isclose(hard_inputs.exact(hard), mean, rel_tol=1e-12)
