"""N8, N10: the same numbers however an array lies in memory, and no input is written to."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plogq

from .. import bounds, makers, oracle, slopes
from ..together import for_each

Array = npt.NDArray[Any]


def transposed(x: Array) -> Array:
    return np.ascontiguousarray(x.T).T


def reversed_axes(x: Array) -> Array:
    """Negative strides on every axis."""
    flip = (slice(None, None, -1),) * x.ndim
    return np.ascontiguousarray(x[flip])[flip]


def spread(x: Array) -> Array:
    """Every other element of every axis of a larger array; the gaps hold NaN or a great number."""
    wide = np.empty([2 * n + 1 for n in x.shape], x.dtype)
    wide[...] = np.nan if x.dtype.kind not in "iub" else 101
    cut = tuple(slice(1, 2 * n + 1, 2) for n in x.shape)
    wide[cut] = x
    return wide[cut]


def backwards_spread(x: Array) -> Array:
    """Every third element of the last axis, from the back."""
    wide = np.zeros((*x.shape[:-1], 3 * x.shape[-1] + 2), x.dtype)
    view = wide[..., 3 * x.shape[-1] : 0 : -3]
    view[...] = x
    return view


def misaligned(x: Array) -> Array:
    """One byte off, as a record or a memory map may have it."""
    raw = np.zeros(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape) if x.size else x.copy()
    view[...] = x
    return view


def swapped(x: Array) -> Array:
    """The other byte order, where the dtype has one."""
    return x.astype(x.dtype.newbyteorder()) if x.dtype.kind != "V" and x.itemsize > 1 else x.copy()


def read_only(x: Array) -> Array:
    x = x.copy()
    x.flags.writeable = False
    return x


def moved(x: Array) -> Array:
    """The last axis first in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 0)), 0, -1)


def with_axes(layout: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """NumPy gives a number without axes one when it reorders it; there is nothing to reorder."""
    return lambda x: layout(x) if x.ndim else x.copy()


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "contiguous": np.array,
    "fortran": with_axes(np.asfortranarray),
    "transposed": with_axes(transposed),
    "reversed": with_axes(reversed_axes),
    "spread": spread,
    "backwards": with_axes(backwards_spread),
    "misaligned": misaligned,
    "swapped": swapped,
    "read_only": read_only,
    "moved": with_axes(moved),
}

layouts = st.sampled_from(sorted(LAYOUTS))
event_shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
dtypes = st.sampled_from(bounds.DTYPES)
targets = st.sampled_from(["Labels", "Labels(ignore)", "Probs", "SparseProbs"])
wrappers = st.sampled_from(["plain", "smoothed", "both_weights", "class_weight>smoothed"])
seeds = st.integers(0, 2**31)


def relaid_target(p: Any, layout: Callable[[Array], Array]) -> Any:
    """The same target with every array of it laid out anew."""
    if isinstance(p, plogq.Labels):
        return plogq.Labels(layout(p.index), ignore=p.ignore)
    if isinstance(p, plogq.Probs):
        return plogq.Probs(layout(p.probs), axis=p.axis)
    if isinstance(p, plogq.SparseProbs):
        return plogq.SparseProbs(layout(p.index), layout(p.probs))
    if isinstance(p, plogq.Smoothed):
        return plogq.Smoothed(relaid_target(p.target, layout), p.epsilon)
    weights = [None if w is None else layout(w) for w in (p.sample_weight, p.class_weight)]
    return plogq.Weighted(
        relaid_target(p.target, layout), sample_weight=weights[0], class_weight=weights[1]
    )


def arrays_of(x: Any) -> list[Array]:
    """Every array that a representation holds."""
    if isinstance(x, np.ndarray):
        return [x]
    names = ("index", "probs", "scores", "log_probs", "target", "sample_weight", "class_weight")
    names = (*names, "hidden", "weight", "bias")
    return [a for n in names if getattr(x, n, None) is not None for a in arrays_of(getattr(x, n))]


def run(p: Any, q: Any) -> tuple[Array, Any]:
    """Loss and gradient, with every input byte as it was."""
    inputs = [*arrays_of(p), *arrays_of(q)]
    before = [a.tobytes() for a in inputs]
    losses, grad = plogq.value_and_grad(p, q, reduction="none")
    alone = plogq.cross_entropy(p, q, reduction="none")
    assert [a.tobytes() for a in inputs] == before, "an input was written to"
    assert np.array_equal(losses, alone, equal_nan=True)
    return losses, grad


@given(
    events=event_shapes,
    classes=st.integers(2, 9),
    dtype=dtypes,
    base=targets,
    layers=wrappers,
    axis=st.integers(0, 3),
    p_layout=layouts,
    q_layout=layouts,
    seed=seeds,
)
def test_logits_of_any_shape_axis_and_layout(
    events: tuple[int, ...],
    classes: int,
    dtype: Any,
    base: str,
    layers: str,
    axis: int,
    p_layout: str,
    q_layout: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    p = makers.TARGETS[f"{base}-{layers}"](rng, events, classes, dtype)
    z = makers.dyadic(rng, (*events, classes), dtype)
    axis %= len(events) + 1
    stored = LAYOUTS[q_layout](np.ascontiguousarray(np.moveaxis(z, -1, axis)))
    made = makers.MadePrediction(
        plogq.Logits(stored, axis=axis), [oracle.of_logits(s) for s in oracle.rows(z)], "logits"
    )
    losses, grad = run(relaid_target(p.target, LAYOUTS[p_layout]), made.prediction)
    assert losses.shape == events
    assert grad.scores.shape == stored.shape
    assert grad.scores.dtype == stored.dtype
    truth = [oracle.cross_entropy(w, c) for w, c in zip(p.truth, made.costs, strict=True)]
    bounds.check_losses(losses, truth, dtype, [oracle.mass(w) for w in p.truth])
    native = np.moveaxis(grad.scores, axis, -1).astype(dtype)
    reference = makers.MadePrediction(plogq.Logits(z), made.costs, "logits")
    named = plogq.Logits(native)
    slopes.Slopes(p, reference, dtype, (1.0,) * len(p.truth)).check(named)


# Some rows at a time, rows that end inside a line of the cache, that are too short to go past it,
# and whole lines.
@for_each("classes", [10, 5001, 1000, 1024])
def test_a_gradient_that_goes_past_the_cache_is_that_of_its_parts(classes: int) -> None:
    rng = np.random.default_rng(7)
    events = (8 << 20) // (4 * classes) + 3
    z = rng.standard_normal((events, classes), np.float32)
    y = rng.integers(0, classes, events)
    whole = plogq.value_and_grad(plogq.Labels(y), plogq.Logits(z), reduction="sum")[1]
    half = events // 2
    for part in (slice(None, half), slice(half, None)):
        p, q = plogq.Labels(y[part]), plogq.Logits(z[part])
        own = plogq.value_and_grad(p, q, reduction="sum")[1]
        assert np.array_equal(whole.scores[part], own.scores)
    if classes == 10:
        across = plogq.Logits(np.ascontiguousarray(z.T), axis=0)
        own = plogq.value_and_grad(plogq.Labels(y), across, reduction="sum")[1]
        assert np.array_equal(whole.scores.T, own.scores)


@given(
    events=event_shapes,
    kind=st.sampled_from(["LogProbs", "Probs"]),
    dtype=dtypes,
    axis=st.integers(0, 3),
    layout=layouts,
    base=targets,
    seed=seeds,
)
def test_stored_probabilities_of_any_shape_axis_and_layout(
    events: tuple[int, ...], kind: str, dtype: Any, axis: int, layout: str, base: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    p = makers.BASES[base](rng, events, 5, dtype)
    made = makers.STORED[kind](rng, events, 5, dtype)
    name = slopes.NAMES[made.kind][0]
    axis %= len(events) + 1
    stored = np.ascontiguousarray(np.moveaxis(getattr(made.prediction, name), -1, axis))
    q = type(made.prediction)(LAYOUTS[layout](stored), axis=axis)
    losses, grad = run(p.target, q)
    truth = [oracle.cross_entropy(w, c) for w, c in zip(p.truth, made.costs, strict=True)]
    bounds.check_losses(losses, truth, dtype, [oracle.mass(w) for w in p.truth])
    native = np.moveaxis(getattr(grad, name), axis, -1).astype(dtype)
    expected = slopes.Slopes(p, made, dtype, (1.0,) * len(p.truth))
    expected.check(type(made.prediction)(native) if len(p.truth) else made.prediction)


@given(
    shape=event_shapes,
    dtype=dtypes,
    kind=st.sampled_from(["soft", "float", "bool", "integer"]),
    layers=wrappers,
    prediction=st.sampled_from(["BinaryLogits", "BinaryProbs"]),
    p_layout=layouts,
    q_layout=layouts,
    seed=seeds,
)
def test_yes_no_outcomes_of_any_shape_and_layout(
    shape: tuple[int, ...],
    dtype: Any,
    kind: str,
    layers: str,
    prediction: str,
    p_layout: str,
    q_layout: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    p = makers.BINARY_TARGETS[f"BinaryProbs({kind})-{layers}"](rng, shape, 0, dtype)
    q = makers.BINARY_PREDICTIONS[prediction](rng, shape, 0, dtype)
    name = "scores" if prediction == "BinaryLogits" else "probs"
    stored = LAYOUTS[q_layout](getattr(q.prediction, name))
    target = _relaid_binary(p.target, LAYOUTS[p_layout])
    losses, grad = run(target, type(q.prediction)(stored))
    assert losses.shape == shape
    truth = [oracle.cross_entropy(w, c) for w, c in zip(p.truth, q.costs, strict=True)]
    bounds.check_losses(losses, truth, dtype, [oracle.mass(w) for w in p.truth])
    gradient = getattr(grad, name)
    assert gradient.dtype == stored.dtype
    assert gradient.shape == shape
    flat = makers.MadePrediction(
        type(q.prediction)(getattr(q.prediction, name).reshape(-1)), q.costs, q.kind
    )
    slopes.check_binary(gradient.astype(dtype).reshape(-1), p, flat, dtype, 1.0)


def _relaid_binary(p: Any, layout: Callable[[Array], Array]) -> Any:
    if isinstance(p, plogq.BinaryProbs):
        return plogq.BinaryProbs(layout(p.probs))
    inner = _relaid_binary(p.target, layout)
    if hasattr(p, "epsilon"):
        return plogq.Smoothed(inner, p.epsilon)
    sample = None if p.sample_weight is None else layout(p.sample_weight)
    return plogq.Weighted(inner, sample_weight=sample, class_weight=p.class_weight)


@cache
def block(rows: int, classes: int, dtype: Any) -> tuple[Array, Array, list[Any], list[Any]]:
    """Scores, labels, and the true losses and slopes, once for all layouts."""
    rng = np.random.default_rng(20231)
    z = makers.dyadic(rng, (rows, classes), dtype, most=96)
    y = rng.integers(0, classes, rows)
    truth = [oracle.Tally(row).cost(int(j)) for row, j in zip(z, y, strict=True)]
    return z, y, truth, [oracle.mp.expm1(-t) for t in truth]


@for_each("layout", LAYOUTS)
@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
@for_each(("rows", "classes"), [(3, 700), (70, 67), (700, 3)])
def test_blocks_are_copied_right_from_any_layout(
    rows: int, classes: int, dtype: Any, layout: str
) -> None:
    """Wide rows, tall columns and both, past the size of one block."""
    z, y, truth, slope = block(rows, classes, dtype)
    for axis, stored in ((1, z), (0, np.ascontiguousarray(z.T))):
        q = plogq.Logits(LAYOUTS[layout](stored), axis=axis)
        losses, grad = run(plogq.Labels(y), q)
        bounds.check_losses(losses, truth, dtype)
        picked = np.moveaxis(grad.scores, axis, -1)[np.arange(rows), y].astype(dtype)
        bounds.check_hard_gradient(picked, slope, dtype)


@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
def test_rows_that_share_their_memory(dtype: Any) -> None:
    """Zero strides over events, over classes, and over both."""
    row = np.array([1.0, 3.0, -2.0, 0.5], dtype)
    y = np.array([0, 1, 3, 1, 2])
    shared = np.broadcast_to(row, (5, 4))
    losses, grad = run(plogq.Labels(y), plogq.Logits(shared))
    costs = oracle.of_logits(oracle.row(row))
    bounds.check_losses(losses, [costs.cost[j] for j in y], dtype)
    assert grad.scores.flags.writeable
    for j, slope in zip(y, grad.scores, strict=True):
        truth = oracle.logits_gradient(oracle.one_hot(int(j), 4), costs)
        bounds.check_hard_gradient(slope, truth, dtype)
    equal = np.broadcast_to(np.array(2.5, dtype), (5, 4))
    losses, _ = run(plogq.Labels(y), plogq.Logits(equal))
    bounds.check_losses(losses, [oracle.mp.log(4)] * 5, dtype)
    p = plogq.Probs(np.broadcast_to(np.array([0.25, 0.25, 0.5, 0.0], dtype), (5, 4)))
    losses, _ = run(p, plogq.Logits(shared))
    truth = oracle.cross_entropy(oracle.row([0.25, 0.25, 0.5, 0.0]), costs)
    bounds.check_losses(losses, [truth] * 5, dtype)
    labels = plogq.Labels(np.broadcast_to(np.array(2), (5,)))
    losses, _ = run(labels, plogq.Logits(shared))
    bounds.check_losses(losses, [costs.cost[2]] * 5, dtype)


@given(
    dtype=dtypes,
    layout=st.sampled_from(
        ["contiguous", "transposed", "reversed", "spread", "misaligned", "moved"]
    ),
    out=st.sampled_from(["contiguous", "fortran", "reversed", "spread", "misaligned", "scores"]),
    axis=st.integers(0, 2),
    seed=seeds,
)
def test_gradients_into_buffers_of_any_layout(
    dtype: Any, layout: str, out: str, axis: int, seed: int
) -> None:
    """A fresh array, a view of a larger one, or the scores themselves."""
    rng = np.random.default_rng(seed)
    z = makers.dyadic(rng, (3, 4, 5), dtype)
    y = rng.integers(0, 5, (3, 4))
    stored = LAYOUTS[layout](np.ascontiguousarray(np.moveaxis(z, -1, axis)))
    kept = stored.copy()
    buffer: Any = "scores" if out == "scores" else LAYOUTS[out](np.zeros_like(kept))
    _, grad = plogq.value_and_grad(
        plogq.Labels(y), plogq.Logits(stored, axis=axis), reduction="sum", out=buffer
    )
    if out == "scores":
        assert grad.scores is stored
    else:
        assert grad.scores is buffer
        assert np.array_equal(stored, kept)
    truth = [g for row in oracle.label_gradients(z, y) for g in row]
    bounds.check_hard_gradient(np.moveaxis(grad.scores, axis, -1).astype(dtype), truth, dtype)


def test_nothing_is_written_between_the_elements_of_a_view(rng: np.random.Generator) -> None:
    wide = np.full((8, 12), 7.0)
    inner = wide[1:7:2, 1:11:3]
    z = rng.normal(size=inner.shape)
    plogq.value_and_grad(plogq.Labels([0, 1, 2]), plogq.Logits(z), out=inner)
    untouched = np.ones(wide.shape, bool)
    untouched[1:7:2, 1:11:3] = False
    assert (wide[untouched] == 7.0).all()
    truth = [g / 3 for row in oracle.label_gradients(z, np.array([0, 1, 2])) for g in row]
    bounds.check_hard_gradient(inner, truth, np.float64, oracle.ONE / 3)


@for_each("count", [0, 1, 2, 31, 32, 33, 255, 4097])
@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
def test_yes_no_outcomes_of_any_length(count: int, dtype: Any, rng: np.random.Generator) -> None:
    """Whole lanes and what is left over; nothing is read past the end."""
    z = makers.dyadic(rng, (count,), dtype, most=90)
    y = rng.integers(0, 2, count)
    losses, _ = run(plogq.BinaryProbs(y), plogq.BinaryLogits(z))
    costs = {s: oracle.of_yes(s).cost for s in set(oracle.row(z))}
    bounds.check_losses(losses, [costs[s][j] for s, j in zip(oracle.row(z), y, strict=True)], dtype)


@pytest.mark.slow
def test_more_than_2_to_the_31_scores() -> None:
    """Indices are 64 bits wide; zero strides make the array cost no memory."""
    row = np.zeros(32768, np.float32)
    row[[7, 30000]] = 5.0, 6.0
    shared = np.broadcast_to(row, (65537, 32768))
    assert shared.size > 2**31
    y = np.full(65537, 30000)
    y[-1] = 7
    losses = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(shared), reduction="none")
    tally = oracle.Tally(row)
    bounds.check_losses(losses[[0, -2]], [tally.cost(30000)] * 2, np.float32)
    bounds.check_losses(losses[-1:], [tally.cost(7)], np.float32)
    assert (losses[:-1] == losses[0]).all()


@pytest.mark.slow
def test_more_than_2_to_the_31_classes() -> None:
    classes = 2**31 + 9
    scores = np.broadcast_to(np.float32(1.5), (1, classes))
    for y in (0, 2**31 + 5):
        got = plogq.cross_entropy(plogq.Labels([y]), plogq.Logits(scores), reduction="none")
        bounds.check_losses(got, [oracle.mp.log(classes)], np.float32)
