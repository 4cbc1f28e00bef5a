"""Whatever makes a representation again makes all of it: copies, pickles, pytrees and gradients."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch

import plogq
from plogq.representations.base import KINDS, like
from plogq.representations.predicted import standing

from .refusals import Refusal, check, refused
from .together import for_each

Z, P = np.eye(3) * 2.0, np.full((3, 3), 1 / 3)
Y = np.array([0, 1, 2])
LINEAR = plogq.LinearLogits(Z, Z, Z[0], softcap=5.0, gradient_filter=0.25)
# Every option of each differs from its default.
EVERY = {
    "Labels": plogq.Labels(Y, ignore=1),
    "Probs": plogq.Probs(P, axis=0),
    "SparseProbs": plogq.SparseProbs(Y[:, None], P[:, :1]),
    "Smoothed": plogq.Smoothed(plogq.Labels(Y), 0.25),
    "SmoothedBinary": plogq.Smoothed(plogq.BinaryProbs(P), 0.25),
    "Weighted": plogq.Weighted(plogq.Labels(Y), sample_weight=Z[0], class_weight=Z[1]),
    "WeightedBinary": plogq.Weighted(
        plogq.BinaryProbs(P), sample_weight=P, class_weight=(0.5, P[0])
    ),
    "Logits": plogq.Logits(Z, axis=0, softcap=5.0),
    "LogProbs": plogq.LogProbs(np.log(P), axis=0),
    "LinearLogits": LINEAR,
    "ShardedLogits": plogq.ShardedLogits(torch.eye(3), "group", axis=0, softcap=5.0),
    "Tempered": plogq.Tempered(plogq.Logits(Z, softcap=5.0), 2.0),
    "TemperedBinary": plogq.Tempered(plogq.BinaryLogits(Z), 2.0),
    "Predicted": standing(plogq.Logits(Z, softcap=5.0)),
    "PredictedBinary": standing(plogq.BinaryLogits(Z)),
    "BinaryProbs": plogq.BinaryProbs(P),
    "BinaryLogits": plogq.BinaryLogits(Z),
}
every = for_each("name", EVERY)
WAYS: dict[str, Callable[[Any], Any]] = {
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda r: pickle.loads(pickle.dumps(r)),
    "a pytree": lambda r: jax.tree.map(lambda x: x, r),
    "like": lambda r: like(r, [getattr(r, name) for name in r.holds]),
}


def fields(r: Any) -> tuple[str, ...]:
    return tuple(n for kind in type(r).__mro__ for n in getattr(kind, "__slots__", ()))


def flat(r: Any) -> dict[str, Any]:
    """Every field of it and of what it wraps; a field that is not there is an AttributeError."""
    found: dict[str, Any] = {"type": type(r)}
    for name in fields(r):
        x = getattr(r, name)
        nested = flat(x) if type(x) in KINDS else {"": x}
        found |= {f"{name}.{inner}": value for inner, value in nested.items()}
    return found


def test_every_representation_is_declared_with_all_of_its_fields() -> None:
    own = {kind.__name__ for kind in KINDS if kind.__module__.startswith("plogq.")}
    assert own == set(EVERY)
    for r in EVERY.values():
        assert sorted((*r.holds, *r.settings)) == sorted(fields(r))


@every
@for_each("way", WAYS)
def test_it_is_made_again_with_every_field(name: str, way: str) -> None:
    want, got = flat(EVERY[name]), flat(WAYS[way](EVERY[name]))
    assert list(got) == list(want)
    for field, x in want.items():
        if isinstance(x, tuple):
            assert all(map(np.array_equal, got[field], x))
        elif hasattr(x, "shape"):
            assert type(got[field]) is type(x)
            assert np.array_equal(got[field], x)
        elif field == "axis.":
            # In a pytree it is counted from the end.
            assert (got[field] - x) % 2 == 0
        else:
            assert got[field] == x


@every
def test_it_shows_every_field_that_it_has(name: str) -> None:
    for option in EVERY[name].settings:
        assert str(getattr(EVERY[name], option)) in repr(EVERY[name])


@for_each("name", ["Logits", "LogProbs", "LinearLogits", "Probs"])
def test_a_gradient_is_a_whole_representation(name: str) -> None:
    q: Any = EVERY[name]
    _, gradient = plogq.value_and_grad(plogq.Labels(Y), q)
    for option in q.settings:
        assert getattr(gradient, option) == getattr(q, option)
    for again in WAYS.values():
        assert list(flat(again(gradient))) == list(flat(q))


def test_a_gradient_of_linear_logits_is_a_prediction_like_others() -> None:
    _, gradient = plogq.value_and_grad(plogq.Labels(Y), LINEAR)
    again = plogq.LinearLogits(
        gradient.hidden, gradient.weight, gradient.bias, softcap=5.0, gradient_filter=0.25
    )
    want = plogq.cross_entropy(plogq.Labels(Y), again)
    assert plogq.cross_entropy(plogq.Labels(Y), gradient) == want
    stepped = jax.tree.map(lambda x, g: x - 0.5 * g, LINEAR, gradient)
    assert stepped.gradient_filter == 0.25
    assert "gradient_filter=0.25" in repr(gradient)


def test_a_subclass_of_a_representation_keeps_what_it_adds() -> None:
    class Named(plogq.Logits):
        def __init__(self, scores: Any, name: str) -> None:
            super().__init__(scores)
            self.name = name

    q = Named(Z, "head")
    _, gradient = plogq.value_and_grad(plogq.Labels(Y), q)
    assert type(gradient) is Named
    assert gradient.name == "head"
    assert q.scores is Z


@refused(
    *(
        Refusal(
            f"a z-loss of {value}, {name}",
            lambda call=call, value=value: call(plogq.Labels(Y), plogq.Logits(Z), z_loss=value),
            ValueError,
            f"z_loss must be ≥ 0, got {value!r}",
        )
        for name, call in (("loss", plogq.cross_entropy), ("gradient", plogq.value_and_grad))
        for value in (-1e-4, float("nan"), float("inf"), -float("inf"))
    ),
    *(
        Refusal(
            f"a z-loss that is {name}",
            lambda value=value: plogq.cross_entropy(plogq.Labels(Y), plogq.Logits(Z), z_loss=value),
            error,
            "z_loss must be a number ≥ 0, got ",
        )
        for name, value, error in (
            ("text", "0.1", TypeError),
            ("None", None, TypeError),
            ("a boolean", True, TypeError),
            ("an array", np.array([0.1, 0.2]), TypeError),
            ("a tensor", torch.tensor(0.1), TypeError),
            ("beyond floats", 10**400, ValueError),
        )
    ),
)
def test_z_losses_that_are_none(refusal: Refusal) -> None:
    check(refusal)
