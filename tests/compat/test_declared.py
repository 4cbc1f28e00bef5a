"""Every declaration is true: its call gives the helper's own numbers, on a small benign example.

A peer's examples are a row of `PEERS`. A helper without one fails the test.
"""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from operator import attrgetter
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest

import plogq
import plogq.compat
from plogq.compat import declared
from plogq.compat.declared import HELPERS, Helper, declares, declares_as

from ..test_docs import run
from ..together import for_each

# Two events of three classes: labels, distributions, their one-hot rows, scores; yes/no outcomes.
Y = np.array([2, 0])
P = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], np.float32)
HARD = np.eye(3, dtype=np.float32)[Y]
Z = np.array([[0.5, -1.0, 2.0], [0.25, 1.5, -0.75]], np.float32)
Q = np.array([[0.25, 0.25, 0.5], [0.5, 0.125, 0.375]], np.float32)
YES = np.array([[1.0, 0.25, 0.0], [0.5, 1.0, 0.75]], np.float32)
BITS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]], np.float32)
W = np.array([2.0, 0.5], np.float32)


@dataclass(frozen=True)
class Example:
    """The arguments of one call; of a class, those of its constructor; what else the call names."""

    arguments: dict[str, Any]
    made: dict[str, Any] | None = None
    names: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Any], Any] = lambda made: made


def torch_examples() -> dict[str, Example]:
    import torch

    scores, labels, soft, yes, w = (torch.from_numpy(x) for x in (Z, Y, P, YES, W))
    weight = torch.tensor([1.0, 2.0, 0.5])
    of_labels = {"input": scores, "target": labels}
    of_log_probs = {"input": torch.log_softmax(scores, 1), "target": labels}
    of_yes = {"input": torch.sigmoid(scores), "target": yes}
    of_yes_scores = {"input": scores, "target": yes}
    divergence = {"input": torch.log_softmax(scores, 1), "target": soft}
    hidden = {"input": scores[:, :2], "target": labels}
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 3)
    examples = {
        "cross_entropy": Example(of_labels | {"weight": weight, "ignore_index": 1}),
        "nll_loss": Example(of_log_probs | {"weight": weight, "reduction": "sum"}),
        "binary_cross_entropy": Example(of_yes | {"weight": w[:, None].expand(2, 3)}),
        "binary_cross_entropy_with_logits": Example(of_yes_scores | {"pos_weight": weight}),
        "kl_div": Example(divergence | {"reduction": "batchmean"}),
        "linear_cross_entropy": Example(
            hidden | {"linear_weight": layer.weight, "linear_bias": layer.bias}
        ),
        "CrossEntropyLoss": Example(of_labels, {"label_smoothing": 0.1}),
        "NLLLoss": Example(of_log_probs, {"weight": weight}),
        "BCELoss": Example(of_yes, {"reduction": "none"}),
        "BCEWithLogitsLoss": Example(of_yes_scores, {"pos_weight": weight}),
        "KLDivLoss": Example(divergence, {"reduction": "batchmean"}),
    }
    if hasattr(torch.nn, "LinearCrossEntropyLoss"):

        def share(module: Any) -> Any:
            module.linear = layer
            return module

        names = {"linear_weight": layer.weight, "linear_bias": layer.bias}
        examples["LinearCrossEntropyLoss"] = Example(
            hidden, {"in_features": 2, "num_classes": 3}, names, share
        )
    return examples


def optax_examples() -> dict[str, Example]:
    import jax.numpy as jnp

    log_q, p = jnp.log(jnp.asarray(Q)), jnp.asarray(P)
    of_yes = {"logits": jnp.asarray(Z), "labels": jnp.asarray(YES)}
    soft = {"logits": jnp.asarray(Z), "labels": p}
    hard = {"logits": jnp.asarray(Z), "labels": jnp.asarray(HARD)}
    labels = {"logits": jnp.asarray(Z.T), "labels": jnp.asarray(Y), "axis": 0}
    logs = {"log_predictions": log_q, "log_targets": jnp.log(p)}
    return {
        "sigmoid_binary_cross_entropy": Example(of_yes),
        "sigmoid_focal_loss": Example({**of_yes, "labels": jnp.asarray(BITS), "gamma": 1.5}),
        "softmax_cross_entropy": Example(soft),
        "safe_softmax_cross_entropy": Example(soft),
        "softmax_cross_entropy_with_integer_labels": Example(labels),
        "poly_loss_cross_entropy": Example(hard | {"epsilon": 1.5}),
        "kl_divergence": Example({"log_predictions": log_q, "targets": p}),
        "kl_divergence_with_log_targets": Example(logs, names={"exp": jnp.exp}),
    }


def sklearn_examples() -> dict[str, Example]:
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    x, y = np.zeros((4, 1)), np.array([0, 1, 2, 1])
    classifier = DummyClassifier(strategy="prior").fit(x, y)
    yes = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
    several = OneVsRestClassifier(LogisticRegression()).fit(np.eye(4), yes)
    x = np.eye(4)
    weight = np.array([1.0, 2.0, 0.5, 1.0])
    q = np.vstack((Q, P)).astype(np.float64)
    q /= q.sum(1, keepdims=True)
    scored = {"estimator": classifier, "X": x, "y": y, "sample_weight": weight}
    return {
        "log_loss": Example({"y_true": y, "y_proba": q, "sample_weight": weight}),
        "LogLossScorer": Example(scored, {}),
        "d2_log_loss_score": Example(
            {"y_true": y, "y_proba": q},
            names={"proportions": np.tile([0.25, 0.5, 0.25], (4, 1))},
        ),
        "D2LogLossScorer": Example(
            {"estimator": classifier, "X": x, "y": np.array([0, 1, 2, 2])},
            {},
            names={"proportions": np.tile([0.25, 0.25, 0.5], (4, 1))},
        ),
        "MultilabelLogLossScorer": Example({"estimator": several, "X": x, "y": yes}, {}),
        "multilabel_log_loss": Example({"y_true": q > 0.3, "y_proba": q}),
    }


def theano_examples() -> dict[str, Example]:
    return {
        "binary_crossentropy": Example({"output": Q, "target": YES}),
        "sigmoid_binary_crossentropy": Example({"output": Z, "target": YES}),
        "categorical_crossentropy": Example({"coding_dist": Q, "true_dist": Y}),
    }


def cntk_examples() -> dict[str, Example]:
    vectors = {"output_vector": Z, "target_vector": P}
    return {
        "binary_cross_entropy": Example({"output": Q, "target": YES}),
        "cross_entropy_with_softmax": Example(vectors),
    }


def keras_examples() -> dict[str, Example]:
    soft, hard = {"y_true": P, "y_pred": Q}, {"y_true": HARD, "y_pred": Q}
    labels, yes, bits = (dict(soft, y_true=x) for x in (Y, YES, BITS))
    functions = {
        "categorical_crossentropy": soft,
        "categorical_focal_crossentropy": hard,
        "sparse_categorical_crossentropy": labels,
        "kl_divergence": soft,
        "binary_crossentropy": yes,
        "binary_focal_crossentropy": bits,
    }
    classes = {
        "CategoricalCrossentropy": soft,
        "CategoricalFocalCrossentropy": hard,
        "SparseCategoricalCrossentropy": labels,
        "KLDivergence": soft,
        "BinaryCrossentropy": yes,
        "BinaryFocalCrossentropy": bits,
        "metrics.CategoricalCrossentropy": soft,
        "metrics.SparseCategoricalCrossentropy": labels,
        "metrics.KLDivergence": soft,
        "metrics.BinaryCrossentropy": yes,
    }
    examples = {name: Example(given) for name, given in functions.items()}
    return examples | {name: Example(given, {}) for name, given in classes.items()}


def tensorflow_examples() -> dict[str, Example]:
    import tensorflow as tf

    scores, labels, soft, yes, q = map(tf.convert_to_tensor, (Z, Y, P, YES, Q))
    of_soft = {"labels": soft, "logits": scores}
    of_labels, of_yes = dict(of_soft, labels=labels), dict(of_soft, labels=yes)
    smoothed = {"logits": scores, "label_smoothing": 0.25}
    weighted = of_yes | {"pos_weight": tf.constant([1.0, 2.0, 0.5])}
    return {
        "sigmoid_cross_entropy_with_logits": Example(of_yes),
        "softmax_cross_entropy_with_logits": Example(of_soft),
        "sparse_softmax_cross_entropy_with_logits": Example(of_labels),
        "weighted_cross_entropy_with_logits": Example(weighted),
        "compat.v1.nn.softmax_cross_entropy_with_logits": Example(of_soft),
        "compat.v1.losses.softmax_cross_entropy": Example(smoothed | {"onehot_labels": soft}),
        "compat.v1.losses.sigmoid_cross_entropy": Example(smoothed | {"multi_class_labels": yes}),
        "compat.v1.losses.sparse_softmax_cross_entropy": Example(of_labels),
        "compat.v1.losses.log_loss": Example({"labels": yes, "predictions": q, "epsilon": 0.0}),
    }


# The modules of compat that stand for a peer, each with an example for every helper.
PEERS: dict[str, Callable[[], dict[str, Example]]] = {
    "cntk": cntk_examples,
    "keras": keras_examples,
    "optax": optax_examples,
    "sklearn": sklearn_examples,
    "tensorflow": tensorflow_examples,
    "theano": theano_examples,
    "torch": torch_examples,
}
SHARED = {"declared", "plain"}


def numbers(x: Any) -> Any:
    """What came out, as a NumPy array of its own dtype."""
    return np.asarray(x.detach() if hasattr(x, "detach") else x)


def evaluated(helper: Helper, named: Any, example: Example) -> Any:
    """The declared call, with the helper's arguments and defaults by their names."""
    known: dict[str, Any] = {}
    for function in (named, getattr(named, "__call__", None)):  # noqa: B004
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.default is not inspect.Parameter.empty:
                known[name] = parameter.default
    names = {name: getattr(plogq, name) for name in plogq.__all__}
    names |= known | (example.made or {}) | example.arguments | example.names
    return eval(helper.call, names)


def test_every_module_of_compat_has_a_row() -> None:
    found = {m.name for m in iter_modules(plogq.compat.__path__)}
    assert found - SHARED == set(PEERS), "give the peer a row in PEERS"


@for_each("peer", PEERS)
def test_every_call_gives_the_numbers_of_its_helper(peer: str) -> None:
    module = import_module(f"plogq.compat.{peer}")
    helpers = {name: helper for (of, name), helper in HELPERS.items() if of == peer}
    examples = PEERS[peer]()
    assert set(helpers) == set(examples), "a helper without an example, or the other way round"
    for name, helper in helpers.items():
        named, example = attrgetter(name)(module), examples[name]
        helper_of = named if example.made is None else example.prepare(named(**example.made))
        ours = numbers(helper_of(**example.arguments))
        call = numbers(evaluated(helper, named, example))
        # A class axis of length 1 may be a quirk.
        assert ours.size == call.size, name
        ulp = 8 * float(np.finfo(ours.dtype).eps)
        np.testing.assert_allclose(ours.reshape(-1), call.reshape(-1), ulp, ulp, err_msg=name)


@for_each("peer", PEERS)
def test_every_public_helper_is_declared(peer: str) -> None:
    module = import_module(f"plogq.compat.{peer}")
    names = {name for of, name in HELPERS if of == peer}
    public = {name for name in module.__all__ if callable(getattr(module, name))}
    assert public <= names


@for_each("peer", PEERS)
def test_every_function_has_an_example_that_runs(peer: str) -> None:
    module = import_module(f"plogq.compat.{peer}")
    for name in [name for of, name in HELPERS if of == peer]:
        named = attrgetter(name)(module)
        text = inspect.getdoc(named) or ""
        examples = doctest.DocTestParser().get_examples(text, name)
        assert examples or inspect.isclass(named), f"{name} has no example"
        if examples:
            run(examples, name, text)


@pytest.fixture
def no_helpers(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Helper]:
    table: dict[tuple[str, str], Helper] = {}
    monkeypatch.setattr(declared, "HELPERS", table)
    return table


def declare(name: str) -> Any:
    words = dict.fromkeys(("outcomes", "target", "prediction", "reduction"), "x")
    return declares("peer", name, call="cross_entropy(p, q)", **words)


def test_a_declaration_leaves_its_function_as_it_is(
    no_helpers: dict[tuple[str, str], Helper],
) -> None:
    def function() -> None: ...

    class Module: ...

    assert declare("f")(function) is function
    assert declares_as("peer", "F", "f")(Module) is Module
    f, module = no_helpers["peer", "f"], no_helpers["peer", "F"]
    assert (f.name, module.name, module.call) == ("f", "F", f.call)


@pytest.mark.usefixtures("no_helpers")
def test_two_helpers_of_one_name_are_refused() -> None:
    declare("f")(print)
    for again in (declare("f"), declares_as("peer", "f", "f")):
        with pytest.raises(ValueError, match="peer has two helpers of the name f"):
            again(print)
