"""Options of the wrong kind, on every framework: a sentence of ours, or the right number.

What came from where an option is read is never an exception of somebody else's arithmetic, and a
number is one whichever type it has.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    Probs,
    Smoothed,
    Weighted,
    cross_entropy,
    value_and_grad,
)
from plogq.nn.torch import CrossEntropy

from .together import for_each

# What is called is asked here, and how exact it is elsewhere.
pytestmark = pytest.mark.usefixtures("unoptimised")

PACKAGE = str(Path(plogq.__file__).parent)
FRAMEWORKS: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": lambda x: torch.as_tensor(np.asarray(x)),
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
}
# Half, in every type that is a number, and one that counts.
NUMBERS: dict[str, Any] = {
    "float": 0.5,
    "NumPy's float32": np.float32(0.5),
    "bfloat16": ml_dtypes.bfloat16(0.5),
    "an array without axes": np.array(0.5),
    "a fraction": Fraction(1, 2),
}
NO_NUMBERS: dict[str, Callable[[], Any]] = {
    "text": lambda: "50",
    "bytes": lambda: b"5",
    "a boolean": lambda: True,
    "a complex number": lambda: 1j,
    "a decimal": lambda: Decimal("0.5"),
    "a list": lambda: [0.5],
    "a tuple": lambda: (0.5, 0.5),
    "a dictionary": lambda: {0: 0.5},
    "a set": lambda: {0.5},
    "a generator": lambda: iter([0.5]),
    "a type": lambda: float,
    "a function": lambda: len,
    "an object": object,
    "an array of one": lambda: np.ones(1),
    "an array of two": lambda: np.ones(2),
    "an array of text": lambda: np.array("0.5"),
    "an array of objects": lambda: np.array([None], object),
    "a tensor": lambda: torch.tensor(0.5),
    "a tensor of two": lambda: torch.ones(2),
    "an array of JAX": lambda: jnp.array(0.5),
    "a tensor of TensorFlow": lambda: tf.constant(0.5),
    "two of TensorFlow": lambda: tf.ones(2),
    "a variable": lambda: tf.Variable(0.5),
    "beyond floats": lambda: 10**400,
    "beyond the digits that are printed": lambda: -(10**5000),
}
LOOSE = [float("nan"), float("inf"), -float("inf")]


def numbers(make: Callable[[Any], Any]) -> dict[str, tuple[Callable[[Any], Any], list[Any]]]:
    """Every option that is one number, as a call with it; and the numbers that it cannot be."""
    y, z = make(np.array([0, 2])), make(np.array([[1.0, 2.0, 0.0], [0.0, 0.5, 3.0]]))
    hidden, weight = make(np.eye(2, 4)), make(np.eye(3, 4))
    b, s = make(np.array([1.0, 0.0])), make(np.array([0.5, -1.0]))
    losses = make(np.array([0.5, 1.0]))
    labels, yes = Labels(y), BinaryProbs(b)
    return {
        "softcap": (lambda x: cross_entropy(labels, Logits(z, softcap=x)), [0.0, -1.0, *LOOSE]),
        "softcap of linear": (
            lambda x: cross_entropy(labels, LinearLogits(hidden, weight, softcap=x)),
            [0.0, -1.0, *LOOSE],
        ),
        "gradient_filter": (
            lambda x: cross_entropy(labels, LinearLogits(hidden, weight, gradient_filter=x)),
            [1.0, -1.0, *LOOSE],
        ),
        "epsilon": (
            lambda x: cross_entropy(Smoothed(labels, x), Logits(z)),
            [-0.1, 1.1, *LOOSE],
        ),
        "epsilon of yes/no": (
            lambda x: cross_entropy(Smoothed(yes, x), BinaryLogits(s)),
            [-0.1, 1.1, *LOOSE],
        ),
        "gamma": (lambda x: plogq.focal(losses, x), [-0.1, *LOOSE]),
        "epsilon of poly": (lambda x: plogq.poly(losses, x), LOOSE),
        "z_loss": (lambda x: cross_entropy(labels, Logits(z), z_loss=x), [-0.1, *LOOSE]),
        "z_loss of yes/no": (lambda x: cross_entropy(yes, BinaryLogits(s), z_loss=x), [-0.1]),
        "z_loss of value_and_grad": (
            lambda x: value_and_grad(labels, Logits(z), z_loss=x)[0],
            [-0.1, *LOOSE],
        ),
    }


def host(x: Any) -> Any:
    return np.asarray(x.detach() if isinstance(x, torch.Tensor) else x, np.float64)


def sentence(call: Callable[[], Any]) -> str:
    """What ours says where it refuses."""
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename.startswith(PACKAGE), f"{caught.value!r} of {last.filename}"
    assert isinstance(caught.value, plogq.PlogqError) or type(caught.value) is ValueError
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


@for_each("framework", FRAMEWORKS)
@for_each("option", numbers(np.asarray))
def test_an_option_that_is_a_number(option: str, framework: str) -> None:
    call, refused = numbers(FRAMEWORKS[framework])[option]
    want = host(call(0.5))
    for value in NUMBERS.values():
        np.testing.assert_array_equal(host(call(value)), want)
    name = option.partition(" ")[0]
    for make in NO_NUMBERS.values():
        assert f"{name} must be " in sentence(lambda make=make: call(make()))
    for value in refused:
        text = sentence(lambda value=value: call(value))
        assert name in text
        assert repr(value) in text


def of(p: Any, axis: Any) -> int:
    return Probs(p, axis=axis).axis


def integers(make: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """Every option that is one integer, as a call with it."""
    y, p = make(np.array([0, 1])), np.array([[0.25, 0.75], [0.5, 0.5]])
    z, p = make(np.array([[1.0, 2.0], [0.0, 0.5]])), make(p)
    return {
        "axis of Logits": lambda x: cross_entropy(Labels(y), Logits(z, axis=x)),
        "axis of LogProbs": lambda x: cross_entropy(Labels(y), LogProbs(-z, axis=x)),
        "axis of Probs": lambda x: cross_entropy(Probs(p), Logits(z, axis=of(p, x))),
        "ignore": lambda x: cross_entropy(Labels(y, ignore=x), Logits(z)),
    }


@for_each("framework", FRAMEWORKS)
@for_each("option", integers(np.asarray))
def test_an_option_that_is_an_integer(option: str, framework: str) -> None:
    call = integers(FRAMEWORKS[framework])[option]
    want = host(call(1))
    for value in (np.int8(1), np.uint64(1), np.array(1), torch.tensor(1), jnp.array(1)):
        np.testing.assert_array_equal(host(call(value)), want)
    for name, make in {**NO_NUMBERS, "a float": lambda: 1.0, "false": lambda: False}.items():
        if name not in ("beyond floats", "beyond the digits that are printed"):
            assert f"{option} must be one integer" in sentence(lambda make=make: call(make()))
    if option != "ignore":
        for value in (2, -3, 10**400):
            assert "does not exist" in sentence(lambda value=value: call(value))


IGNORED = [2**63 - 1, -(2**63), 2**63, 2**64, -(2**64), 10**400, -1, 255]


@for_each("framework", FRAMEWORKS)
@for_each("ignore", IGNORED)
def test_what_no_label_is_ignores_none(ignore: int, framework: str) -> None:
    """For every width of labels, in the loss, its gradient, the entropy and the divergence.

    The loss of every width with every number, but in JAX, where each is a program, of the narrowest
    and the widest with every number; the others of every width and of every number, and with NumPy
    of each with each.
    """
    make = FRAMEWORKS[framework]
    widths = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
    turn = IGNORED.index(ignore) % len(widths)
    scores = np.array([[1.0, 2.0, 0.0], [0.0, 0.5, 3.0]])
    z = make(scores)
    want = plogq.cross_entropy(Labels([0, 2]), Logits(scores), reduction="none")
    ends = (widths[turn], "uint8", "int64")
    for dtype in dict.fromkeys(ends) if framework == "jax" else widths:
        p = Labels(make(np.array([0, 2], dtype)), ignore=ignore)
        found = cross_entropy(p, Logits(z), reduction="none")
        np.testing.assert_allclose(host(found), want, rtol=1e-6)
        if framework != "numpy" and dtype != widths[turn]:
            continue
        for q in (Logits(z), LinearLogits(z, make(np.eye(3)))):
            np.testing.assert_allclose(host(cross_entropy(p, q)), want.mean(), rtol=1e-6)
            np.testing.assert_allclose(host(value_and_grad(p, q)[0]), want.mean(), rtol=1e-6)
            np.testing.assert_allclose(host(plogq.kl_divergence(p, q)), want.mean(), rtol=1e-6)
        assert float(plogq.entropy(p)) == 0


@for_each("framework", ["numpy", "torch", "tensorflow"])
def test_the_greatest_label_of_64_bits_may_be_what_is_ignored(framework: str) -> None:
    """-1 written into uint64, which as a signed number would be a label once more."""
    y = FRAMEWORKS[framework](np.array([0, 2**64 - 1, 2], np.uint64))
    scores = np.array([[1.0, 2.0, 0.0], [5.0, 5.0, 5.0], [0.0, 0.5, 3.0]])
    p, z = Labels(y, ignore=2**64 - 1), FRAMEWORKS[framework](scores)
    want = plogq.cross_entropy(Labels([0, -1, 2], ignore=-1), Logits(scores), reduction="none")
    np.testing.assert_allclose(host(cross_entropy(p, Logits(z), reduction="none")), want)
    assert float(cross_entropy(p, Logits(z))) == pytest.approx(want.sum() / 2)
    assert "no label of uint64 is ever -1, which is stored there as 18446744073709551615" in (
        sentence(lambda: cross_entropy(Labels(y, ignore=-1), Logits(z)))
    )


@for_each("framework", FRAMEWORKS)
def test_a_mark_that_has_lost_its_sign_is_named(framework: str) -> None:
    make = FRAMEWORKS[framework]
    y, z = make(np.array([0, 255, 2], np.uint8)), make(np.zeros((3, 3)))
    for call in (cross_entropy, value_and_grad, plogq.kl_divergence):
        text = sentence(lambda call=call: call(Labels(y, ignore=-1), Logits(z)))
        assert "label 255 at event 1 is outside the 3 classes 0…2" in text
        assert "no label of uint8 is ever -1" in text
        assert "write Labels(y, ignore=255)" in text


def reduced(make: Callable[[Any], Any]) -> Iterator[Callable[..., Any]]:
    y, z = make(np.array([0, 2])), make(np.array([[1.0, 2.0, 0.0], [0.0, 0.5, 3.0]]))
    p = make(np.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]]))
    b, s = make(np.array([1.0, 0.0])), make(np.array([0.5, -1.0]))
    linear = LinearLogits(z, make(np.eye(3)))
    yield lambda **options: cross_entropy(Labels(y), Logits(z), **options)
    yield lambda **options: cross_entropy(Labels(y), linear, **options)
    yield lambda **options: cross_entropy(BinaryProbs(b), BinaryLogits(s), **options)
    yield lambda **options: value_and_grad(Labels(y), Logits(z), **options)[0]
    yield lambda **options: plogq.kl_divergence(Probs(p), Logits(z), **options)
    yield lambda **options: plogq.entropy(Probs(p), **options)


@for_each("framework", FRAMEWORKS)
def test_reductions_and_normalizers(framework: str) -> None:
    make = FRAMEWORKS[framework]
    for call in reduced(make):
        want = host(call(normalizer=0.5))
        for value in (*NUMBERS.values(), np.array([0.5]), make(np.array(0.5))):
            np.testing.assert_array_equal(host(call(normalizer=value)), want)
        assert host(call(normalizer=2**70)) == pytest.approx(float(want) / 2**71)
        for name, wrong in NO_NUMBERS.items():
            if (
                "TensorFlow" in name
                or "JAX" in name
                or name in ("a tensor", "a variable", "an array of one")
            ):
                continue
            assert "normalizer must be one number, got" in sentence(
                lambda call=call, wrong=wrong: call(normalizer=wrong())
            )
        others = [m for name, m in FRAMEWORKS.items() if name not in (framework, "numpy")]
        for other in others:
            assert "nothing is moved silently between frameworks" in sentence(
                lambda call=call, other=other: call(normalizer=other(np.array(0.5)))
            )
        for wrong in (*NO_NUMBERS.values(), lambda: None, lambda: "average", lambda: 10**5000):
            assert "reduction takes 'mean', 'sum', 'none', 'sum_over_batch_size'" in sentence(
                lambda call=call, wrong=wrong: call(reduction=wrong())
            )


@for_each("wrong", NO_NUMBERS)
def test_the_level_of_validation(wrong: str) -> None:
    assert 'validation takes "off", "on" or "full"' in sentence(
        lambda: plogq.validation(NO_NUMBERS[wrong]()).__enter__()
    )


def test_options_of_a_module_are_refused_where_it_is_made() -> None:
    for option, value in (
        ("smoothing", "0.1"),
        ("z_loss", torch.tensor(0.1)),
        ("z_loss", -0.1),
        ("ignore", -1.0),
    ):
        assert f"{option} must be " in sentence(lambda o=option, v=value: CrossEntropy(**{o: v}))


@pytest.mark.slow
def test_numbers_that_a_program_leaves_open_are_numbers() -> None:
    """torch.compile has one program for all values of a number that has changed."""
    z, y = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 0])

    def loss(z_loss: float, normalizer: int, gamma: float) -> Any:
        p, q = Smoothed(Labels(y), 0.1), Logits(z, softcap=5.0)
        each = cross_entropy(p, q, reduction="none", z_loss=z_loss)
        return cross_entropy(p, q, normalizer=normalizer) + plogq.focal(each, gamma).sum()

    program = torch.compile(loss, backend="eager", fullgraph=True)
    for given in ((0.1, 3, 2.0), (0.2, 5, 1.5), (0.0, 7, 0.0), (0.3, 11, 2.5)):
        torch.testing.assert_close(program(*given), loss(*given))


def test_what_is_traced_is_no_option() -> None:
    z, y = jnp.zeros((2, 3)), jnp.array([0, 2])
    for call in (
        lambda x: cross_entropy(Smoothed(Labels(y), x), Logits(z)),
        lambda x: cross_entropy(Labels(y), Logits(z, softcap=x)),
        lambda x: plogq.focal(z, x).sum(),
        lambda x: cross_entropy(Labels(y), Logits(z), z_loss=x),
    ):
        assert "must be " in sentence(lambda call=call: jax.jit(call)(0.5))
        with pytest.raises(plogq.DtypeError, match="must be "):
            tf.function(call)(tf.constant(0.5))


def test_arrays_of_several_frameworks_are_refused_in_one_sentence() -> None:
    values = {"y": np.array([0, 2]), "z": np.eye(2, 3), "w": np.ones(2)}
    made = {f: {k: make(x) for k, x in values.items()} for f, make in FRAMEWORKS.items()}
    for a in made:
        for b in made:
            # What is of NumPy in P is a constant, which goes with any framework.
            if a in (b, "numpy"):
                continue
            p, q = Labels(made[a]["y"]), Logits(made[b]["z"])
            weighted = Weighted(Labels(made[b]["y"]), sample_weight=made[a]["w"])
            for target in (p, weighted):
                for call in (cross_entropy, value_and_grad, plogq.kl_divergence, plogq.explain):
                    text = sentence(lambda call=call, target=target, q=q: call(target, q))
                    assert "nothing is moved silently between frameworks" in text
