"""plogq.compat.sklearn beside scikit-learn's own: values, warnings, errors."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from plogq.compat.sklearn import log_loss

from .. import oracle
from ..test_imports import loaded
from ..together import for_each

ROWS = [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]]
WORDS = ["spam", "ham", "ham", "spam"]


def test_signature() -> None:
    ours, theirs = (inspect.signature(f) for f in (log_loss, sklearn.metrics.log_loss))
    names = [(p.name, p.kind, p.default) for p in ours.parameters.values()]
    assert names == [(p.name, p.kind, p.default) for p in theirs.parameters.values()]


def test_importing_loads_scikit_learn_and_no_other_framework() -> None:
    found = loaded("import plogq.compat.sklearn")
    assert {"plogq", "sklearn", "numpy"} <= found
    assert not found & {"torch", "jax", "tensorflow", "keras", "optax"}


def outcome(f: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """The value and its type, or the type of the error; and the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            value = f(*arguments, **options)
        except Exception as error:
            value = type(error)
    return value, [(w.category, str(w.message).partition(".")[0]) for w in told]


def same(*arguments: Any, **options: Any) -> Any:
    """Hold ours against theirs; the value, or the type of error."""
    ours, our_warnings = outcome(log_loss, *arguments, **options)
    theirs, their_warnings = outcome(sklearn.metrics.log_loss, *arguments, **options)
    assert our_warnings == their_warnings
    if isinstance(theirs, type):
        assert ours is theirs
    else:
        assert type(ours) is type(theirs) is float
        # float16 is summed as it is there, and in float32 here.
        half = isinstance(arguments[1], np.ndarray) and arguments[1].dtype.itemsize
        relative = {2: 2e-2, 4: 1e-6}.get(half, 1e-13)
        assert ours == pytest.approx(theirs, rel=relative, abs=relative)
    return ours


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, Any, dict[str, Any]]:
    """Labels of some kind, rows of probabilities of some dtype, and options."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes, events = draw(st.integers(2, 5)), draw(st.integers(1, 8))
    names = draw(st.sampled_from([range(5), range(-2, 3), "vwxyz", [0.5, 1.0, 2.0, 4.0, 9.0]]))
    known = np.array(list(names))[:classes]
    y = known[rng.integers(classes, size=events)]
    q = rng.dirichlet(np.full(classes, draw(st.sampled_from([0.02, 1.0]))), size=events)
    if draw(st.booleans()):
        q = np.round(q)  # rows of zeros and ones, some of which do not sum to 1
    q = q.astype(draw(st.sampled_from(["float64", "float32", "float16"])))
    if classes == 2 and draw(st.booleans()):
        q = q[:, 1] if draw(st.booleans()) else q[:, 1:]
    options: dict[str, Any] = {"normalize": draw(st.booleans())}
    if draw(st.booleans()):
        options["labels"] = known if draw(st.booleans()) else list(known)
    if draw(st.booleans()):
        options["sample_weight"] = rng.integers(0, 3, size=events) * draw(
            st.sampled_from([1, 0.5, 0])
        )
    return (y if draw(st.booleans()) else y.tolist()), q, options


@given(problems())
def test_values_warnings_and_errors_are_theirs(problem: tuple[Any, Any, dict[str, Any]]) -> None:
    y, q, options = problem
    # continuous labels, one label alone, weights of 0: errors in both.
    same(y, q, **options)


@for_each(
    ("y", "q", "options"),
    [
        ([[1, 1, 0], [0, 1, 0]], [[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]], {}),
        ([[1, 1, 0], [0, 1, 0]], [[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]], {"sample_weight": [3.0, 1]}),
        ([[0, 0], [0, 1]], [[0.5, 0.5], [0.1, 0.9]], {"normalize": False}),
        ([True, False], [0.25, 0.75], {}),
        ([1, 0], [-0.0, 1.0], {}),
        ([1, 0, 2], [[0, 1, 0], [1, 0, 0], [0, 0, 1]], {}),
        (WORDS, ROWS, {"labels": ["spam", "ham"]}),
        (WORDS, [[0.2, 0.9]] * 4, {"sample_weight": [1.0, -0.5, 2.0, 1.0]}),
    ],
)
def test_special_values(y: Any, q: Any, options: dict[str, Any]) -> None:
    assert isinstance(same(y, q, **options), float)


@for_each(
    ("y", "q", "options", "error", "message"),
    [
        ([0, 1], [[0.5, 1.5], [0.5, 0.5]], {}, ValueError, "greater than 1: 1.5"),
        ([0, 1], [[0.5, -0.5], [0.5, 0.5]], {}, ValueError, "lower than 0: -0.5"),
        ([0, 1], [np.nan, 0.5], {}, ValueError, "NaN"),
        ([0, 1], [np.inf, 0.5], {}, ValueError, "infinity"),
        ([0, 1], [], {}, ValueError, "minimum of 1 is required"),
        ([1, 1], [0.5, 0.5], {}, ValueError, r"y_true contains only one label \(1\)"),
        ([1, 1], [0.5, 0.5], {"labels": [1]}, ValueError, "needs to contain at least two labels"),
        ([0, 1, 2], [[0.5, 0.5]] * 3, {}, ValueError, "different number of classes: 3 vs 2"),
        (
            [0, 1, 1],
            [[0.5, 0.5]] * 3,
            {"labels": [0, 1, 2]},
            ValueError,
            "number of classes in labels is different",
        ),
        (["a", "b", "c"], ROWS[:3], {"labels": ["a", "b"]}, ValueError, "contains values {'c'}"),
        ([0, 1], [0.5], {}, ValueError, "inconsistent numbers of samples"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [1.0]}, ValueError, "inconsistent numbers"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [[1.0], [1.0]]}, ValueError, "must be 1D array"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [np.nan, 1.0]}, ValueError, "NaN"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [0.0, 0.0]}, ValueError, "one non-zero number"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [1, -1]}, ZeroDivisionError, "sum to zero"),
        ([0, 1], [0.5, 0.5], {"normalize": "yes"}, ValueError, "'normalize' parameter of log_loss"),
        ([0.1, 0.9], [0.5, 0.5], {}, ValueError, "Unknown label type"),
        ([[0.1, 0.9], [0.5, 0.5]], ROWS[:2], {}, ValueError, "(?i)multioutput|continuous"),
        (None, [0.5, 0.5], {}, ValueError, "'y_true' parameter of log_loss"),
    ],
)
def test_errors_are_of_their_types_and_say_why(
    y: Any, q: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    assert issubclass(same(y, q, **options), error)
    with pytest.raises(error, match=message):
        log_loss(y, q, **options)


def test_the_old_name_of_the_probabilities() -> None:
    with pytest.warns(FutureWarning, match="`y_pred` was renamed to `y_proba`"):
        assert log_loss([0, 1], y_pred=[0.25, 0.75]) == log_loss([0, 1], [0.25, 0.75])
    with pytest.raises(ValueError, match="Cannot use both"):
        log_loss([0, 1], [0.25, 0.75], y_pred=[0.25, 0.75])


@for_each("name", ["float64", "float32", "float16"])
def test_clipping(name: str) -> None:
    """Probabilities of 0 and 1 are eps and 1 - eps: exact, and theirs where they sum as wide."""
    eps = float(np.finfo(name).eps)
    q = np.array([[1.0, 0.0], [1.0, 0.0]], name)
    truth = oracle.mp.fsum([-oracle.mp.log(oracle.real(eps)), -oracle.mp.log(1 - oracle.real(eps))])
    assert same([0, 1], q) == pytest.approx(float(truth / 2), rel=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_against_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q = rng.dirichlet(np.ones(4), size=6)
    y, w = rng.integers(4, size=6), rng.random(6)
    costs = [oracle.of_probs(row).cost[k] for row, k in zip(oracle.rows(q), y, strict=True)]
    weights = oracle.row(w)
    total = oracle.mp.fsum(a * b for a, b in zip(costs, weights, strict=True))
    truth = total / oracle.mp.fsum(weights)
    assert log_loss(y, q, sample_weight=w, labels=range(4)) == pytest.approx(
        float(truth), rel=1e-14
    )


def test_arrays_of_other_libraries() -> None:
    """They are read as scikit-learn reads them by default."""
    torch = pytest.importorskip("torch")
    y, q = torch.tensor([1, 0]), torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    same(y, q)
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        log_loss(y, q.requires_grad_())


def test_where_scikit_learn_dispatches_on_arrays() -> None:
    """The same number, and the setting as it was; scipy has to be told before it is imported."""
    program = """
import sklearn, sklearn.metrics, torch
from plogq.compat.sklearn import log_loss
y, q = torch.tensor([1, 0]), torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=torch.float64)
with sklearn.config_context(array_api_dispatch=True):
    print(log_loss(y, q) - sklearn.metrics.log_loss(y, q))
    print(sklearn.get_config()["array_api_dispatch"])
"""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    difference, dispatches = done.stdout.split()
    assert abs(float(difference)) < 1e-15
    assert dispatches == "True"


def test_inputs_are_not_modified() -> None:
    y, q, w = np.array([1, 0]), np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([1.0, 2.0])
    for x in (y, q, w):
        x.flags.writeable = False
    log_loss(y, q, sample_weight=w)
    assert q[0, 0] == 0.0
