"""What iterates is not what it iterates over: dictionaries, sets, text and tables with an index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch
from sklearn.dummy import DummyClassifier

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, Logits, Probs, SparseProbs, Weighted
from plogq.compat import optax as on_optax
from plogq.compat.sklearn import LogLossScorer
from plogq.nn.torch import CrossEntropy

from .refusals import Refusal, check, refused
from .together import for_each

Y, Z = np.array([1.0, 0.0, 1.0]), np.array([0.5, -1.0, 2.0])
CLASSES, ROWS = np.array([0, 1, 2]), np.eye(3)
WANT = plogq.cross_entropy(Weighted(BinaryProbs(Y), class_weight=(5.0, 2.0)), BinaryLogits(Z))
FRAMEWORKS = {
    "numpy": np.asarray,
    "torch": torch.tensor,
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
}


class Series:
    """Stands in for a column of a table: values, and an index that need not count them."""

    dtype, shape = np.dtype(float), (2,)

    def __init__(self, values: Any, index: Any) -> None:
        self.values, self.index = np.asarray(values), index
        self.shape = self.values.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def sort_index(self) -> Any:
        raise NotImplementedError


def weights(class_weight: Any, *, pair: bool = True) -> Any:
    return Weighted(BinaryProbs(Y) if pair else Labels(CLASSES), class_weight=class_weight)


@for_each("framework", FRAMEWORKS)
def test_the_pair_is_a_list_a_tuple_or_an_array_of_two(framework: str) -> None:
    make = FRAMEWORKS[framework]
    y, z, both = make(Y), make(Z), make(np.array([5.0, 2.0]))
    for given in ([5.0, 2.0], (5, 2), (np.float32(5), 2.0), (both[0], both[1]), both):
        p = Weighted(BinaryProbs(y), class_weight=given)
        assert float(plogq.cross_entropy(p, BinaryLogits(z))) == pytest.approx(WANT, rel=1e-6)
    by_event = make(np.array([[5.0] * 3, [2.0] * 3]))
    p = Weighted(BinaryProbs(y), class_weight=by_event)
    assert float(plogq.cross_entropy(p, BinaryLogits(z))) == pytest.approx(WANT, rel=1e-6)


def test_the_pair_may_be_a_tensor_of_a_graph() -> None:
    @tf.function
    def loss(both: Any) -> Any:
        p = Weighted(BinaryProbs(tf.constant(Y)), class_weight=both)
        return plogq.cross_entropy(p, BinaryLogits(tf.constant(Z)))

    assert float(loss(tf.constant([5.0, 2.0]))) == pytest.approx(WANT, rel=1e-6)
    assert float(loss(tf.Variable([5.0, 2.0], dtype=tf.float64))) == pytest.approx(WANT)


def test_a_column_whose_index_counts_is_an_array() -> None:
    p = weights(Series([5.0, 2.0], range(2)))
    assert plogq.cross_entropy(p, BinaryLogits(Z)) == pytest.approx(WANT)
    p = weights(Series([1.0, 2.0, 3.0], [0, 1, 2]), pair=False)
    want = plogq.cross_entropy(weights([1.0, 2.0, 3.0], pair=False), Logits(ROWS))
    assert plogq.cross_entropy(p, Logits(ROWS)) == want
    # Events are taken by their place, whatever their index.
    y = Series([0, 1, 2], [7, 3, 5])
    assert np.array_equal(Labels(y).index, CLASSES)


@refused(
    Refusal(
        "a pair as a dictionary",
        lambda: weights({0: 5.0, 1: 2.0}),
        TypeError,
        "the pair (negative, positive), in a list or a tuple, got dict; write [5.0, 2.0]",
    ),
    Refusal(
        "a pair as a dictionary in another order",
        lambda: weights({1: 2.0, 0: 5.0}),
        TypeError,
        "write [5.0, 2.0]",
    ),
    Refusal(
        "a pair by name", lambda: weights({"no": 5.0, "yes": 2.0}), TypeError, "write (d[0], d[1])"
    ),
    Refusal(
        "weights as a dictionary",
        lambda: weights({0: 1.0, 2: 1.5, 1: 5}, pair=False),
        TypeError,
        "a list of one weight for each class, in the order of the classes, got dict; "
        "write [1.0, 5, 1.5]",
    ),
    Refusal(
        "weights by name",
        lambda: weights({"cat": 1.0, "dog": 2.0}, pair=False),
        TypeError,
        "write list(d[c] for c in classes)",
    ),
    Refusal(
        "weights of some classes",
        lambda: weights({1: 5.0}, pair=False),
        TypeError,
        "write list(d[c] for c in classes)",
    ),
    *(
        Refusal(
            f"a pair as {name}", lambda value=value: weights(value), ValueError, "the pair", says
        )
        for name, value, says in (
            ("a set", {5.0, 2.0}, "got something of type set"),
            ("text", "52", "got '52'"),
            ("bytes", b"52", "got b'52'"),
            ("a generator", (w for w in (5.0, 2.0)), "got something of type generator"),
            ("three", [1.0, 2.0, 3.0], "got 3 of them"),
            ("an array of three", np.ones(3), "got ndarray of shape (3,)"),
            ("a number", 2.0, "got 2.0; a positive weight w alone is (1.0, w)"),
            ("a tensor of one number", torch.tensor(2.0), "got Tensor of shape ()"),
        )
    ),
    *(
        Refusal(
            f"weights as {name}",
            lambda value=value: weights(value, pair=False),
            TypeError,
            "class_weight must be an array, got ",
            says,
        )
        for name, value, says in (
            ("a set", {5.0, 2.0, 1.0}, "got set, which has no order; write a list"),
            ("text", "521", "got str; write numbers"),
            ("a generator", (w for w in (5.0, 2.0)), "write np.asarray(list(x)) first"),
        )
    ),
    *(
        Refusal(
            f"a column whose index does not count, {len(values)} weights",
            lambda values=values, pair=pair: weights(
                Series(values, [*range(1, len(values)), 0]), pair=pair
            ),
            TypeError,
            "whose index does not count the classes 0, 1, … in order",
            "w.sort_index().to_numpy()",
        )
        for values, pair in (([5.0, 2.0], True), ([1.0, 2.0, 3.0], False))
    ),
    Refusal(
        "labels as a dictionary",
        lambda: Labels({0: 1, 1: 2}),
        TypeError,
        "got dict, whose keys are no places; write its values as a list",
    ),
    Refusal(
        "weights of events as a set",
        lambda: Weighted(Labels(CLASSES), sample_weight={1.0, 2.0, 3.0}),
        TypeError,
        "sample_weight must be an array, got set, which has no order",
    ),
    Refusal("scores as text", lambda: Logits("123"), TypeError, "got str; write numbers"),
    Refusal(
        "a list of tensors that have gradients",
        lambda: Logits([torch.ones(3, requires_grad=True)] * 2),
        TypeError,
        "Logits is a list that NumPy cannot read (RuntimeError); write one array of one framework",
        "torch.stack(x)",
    ),
    Refusal(
        "the weights of a module as a dictionary",
        lambda: CrossEntropy("binary_probs", "binary_logits", class_weight={0: 5.0, 1: 2.0}),
        TypeError,
        "write [5.0, 2.0]",
    ),
    Refusal(
        "the class weights of a module as a dictionary",
        lambda: CrossEntropy(class_weight={0: 1.0, 1: 2.0, 2: 3.0}),
        TypeError,
        "write [1.0, 2.0, 3.0]",
    ),
    Refusal(
        "a sparse target of a module as a tensor of two rows",
        lambda: CrossEntropy("sparse_probs")(torch.ones(2, 3), torch.ones(2, 2, 1)),
        TypeError,
        "the pair (index, probs), two tensors in a tuple, got Tensor of shape (2, 2, 1)",
    ),
    Refusal(
        "a sparse target of a module as a dictionary",
        lambda: CrossEntropy("sparse_probs")(torch.ones(2, 3), {"index": 0, "probs": 0}),
        TypeError,
        "got something of type dict",
    ),
    *(
        Refusal(
            f"axes of optax as {name}",
            lambda axis=axis: on_optax.softmax_cross_entropy(
                jnp.ones((2, 3)), jnp.ones((2, 3)), axis
            ),
            TypeError,
            "axis must be one integer, a tuple of them, or None",
        )
        for name, axis in (("text", "01"), ("a set", {0, 1}), ("an array", np.array([0, 1])))
    ),
    *(
        Refusal(
            f"the classes of a scorer as {name}",
            lambda classes=classes: LogLossScorer(classes)(
                DummyClassifier().fit(ROWS, CLASSES), ROWS, CLASSES
            ),
            ValueError,
            "classes of LogLossScorer is a list of all classes, in the order of the columns",
        )
        for name, classes in (("a set", {0, 1, 2}), ("a dictionary", {0: 1}), ("text", "012"))
    ),
    *(
        Refusal(
            f"an axis that is {name}",
            lambda make=make, axis=axis: make(ROWS, axis=axis),
            ValueError,
            "must be one integer",
        )
        for name, axis in (("a tuple", (0, 1)), ("a set", {0}), ("text", "0"), ("None", None))
        for make in (Logits, Probs, plogq.LogProbs)
    ),
    Refusal(
        "what is ignored as a dictionary",
        lambda: Labels(CLASSES, ignore={0: 1}),
        TypeError,
        "ignore must be one integer, several in a tuple, or None",
    ),
    Refusal(
        "sparse probabilities as dictionaries",
        lambda: SparseProbs([{0: 0.5}], [{0: 0.5}]),
        TypeError,
        "SparseProbs index must be integers, got object",
    ),
)
def test_what_iterates_in_no_order_of_its_places(refusal: Refusal) -> None:
    check(refusal)
