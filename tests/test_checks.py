"""N5, N9: labels, probabilities, weights and options, and how far they are checked."""

from __future__ import annotations

import warnings
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    LabelError,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    PlogqError,
    ProbabilityError,
    Probs,
    Smoothed,
    SparseProbs,
    Weighted,
    cross_entropy,
    value_and_grad,
)

from .refusals import Refusal, check, refused
from .together import for_each

Z = np.zeros((4, 3))
Y = np.array([0, 1, 2, 0])
Q = np.full((4, 3), 1 / 3)


@refused(
    Refusal(
        "a label beyond the last class",
        lambda: cross_entropy(Labels([0, 3, 7, 1]), Logits(Z)),
        LabelError,
        "label 3 at event 1 is outside the 3 classes 0…2",
        "the last class is 2",
    ),
    Refusal(
        "a negative label",
        lambda: cross_entropy(Labels([0, 1, -100, -1]), Logits(Z)),
        LabelError,
        "label -100 at event 2",
        "Labels(y, ignore=-100)",
    ),
    Refusal(
        "a negative label beside ignored ones",
        lambda: cross_entropy(Labels([-100, 1, -1, 2], ignore=-100), Logits(Z)),
        LabelError,
        "label -1 at event 2",
    ),
    Refusal(
        "a label of an image",
        lambda: cross_entropy(Labels([[0, 1], [9, 2]]), Logits(np.zeros((2, 2, 3)))),
        LabelError,
        "label 9 at event (1, 0)",
    ),
    Refusal(
        "the greatest uint64",
        lambda: cross_entropy(Labels(np.array([2**64 - 1], np.uint64)), Logits(Z[:1])),
        LabelError,
        f"label {2**64 - 1} at event 0",
    ),
    Refusal(
        "the least int64",
        lambda: cross_entropy(Labels(np.array([-(2**63)])), Logits(Z[:1])),
        LabelError,
        f"label {-(2**63)} at event 0",
    ),
    Refusal(
        "a byte-swapped label",
        lambda: cross_entropy(Labels(np.array([1, 5], ">i4")), Logits(Z[:2])),
        LabelError,
        "label 5 at event 1",
    ),
    Refusal(
        "a sparse index",
        lambda: cross_entropy(SparseProbs([[0, 3]], [[0.5, 0.5]]), Logits(Z[:1])),
        LabelError,
        "label 3 at event (0, 1)",
    ),
    Refusal(
        "a wrapped label",
        lambda: value_and_grad(Smoothed(Labels([0, -1, 0, 0]), 0.1), LogProbs(np.log(Q))),
        LabelError,
        "label -1 at event 1",
    ),
    Refusal(
        "a label of linear logits",
        lambda: value_and_grad(Labels([3]), LinearLogits(np.zeros((1, 2)), np.zeros((3, 2)))),
        LabelError,
        "label 3 at event 0",
    ),
)
@for_each("level", ["off", "on", "full"])
def test_labels_out_of_range_name_the_first_bad_event_whatever_is_checked(
    level: str, refusal: Refusal
) -> None:
    with plogq.validation(level):
        check(refusal)


ROWS = np.array([[0.5, 0.5], [0.5, 0.5001]])


@refused(
    Refusal(
        "a row that sums to more, as P",
        lambda: cross_entropy(Probs([[0.5, 0.5], [0.5, 0.6]]), Logits(Z[:2, :2])),
        ProbabilityError,
        "event 1 of Probs (as P) sums to 1.1",
        "Logits(x) if these are scores",
        "sample_weight",
    ),
    Refusal(
        "a row that sums to less, as Q",
        lambda: cross_entropy(Labels([0, 1]), Probs([[0.5, 0.5], [0.25, 0.25]])),
        ProbabilityError,
        "event 1 of Probs (as Q) sums to 0.5",
    ),
    Refusal(
        "a negative entry",
        lambda: cross_entropy(Labels([0]), Probs([[1.5, -0.5]])),
        ProbabilityError,
        "event 0 of Probs (as Q) has the entry -0.5",
        "LogProbs(x)",
    ),
    Refusal(
        "an infinite entry",
        lambda: cross_entropy(Labels([0]), Probs([[np.inf, 0.0]])),
        ProbabilityError,
        "sums to inf",
    ),
    Refusal(
        "a row on another axis",
        lambda: cross_entropy(Probs([[0.5, 0.9], [0.5, 0.5]], axis=0), Logits(Z[:2, :2])),
        ProbabilityError,
        "event 1 of Probs (as P) sums to 1.4",
    ),
    Refusal(
        "a float64 row that is off by 1e-4",
        lambda: cross_entropy(Probs(ROWS), Logits(Z[:2, :2])),
        ProbabilityError,
        "event 1",
    ),
    Refusal(
        "an event on two axes",
        lambda: cross_entropy(
            Probs(np.array([[[1.0, 0.0], [1.0, 1.0]]])), Logits(np.zeros((1, 2, 2)))
        ),
        ProbabilityError,
        "event (0, 1)",
    ),
    Refusal(
        "a yes above 1",
        lambda: cross_entropy(BinaryProbs([0.5, 1.5]), BinaryLogits([0.0, 0.0])),
        ProbabilityError,
        "BinaryProbs (as P) has the entry 1.5 outside [0, 1], first at (1,)",
        "swap the two if this is the prediction",
    ),
    Refusal(
        "a yes below 0, as Q",
        lambda: cross_entropy(BinaryProbs([1.0, 1.0]), BinaryProbs([-0.25, 0.5])),
        ProbabilityError,
        "BinaryProbs (as Q) has the entry -0.25",
    ),
    Refusal(
        "a negative sparse probability",
        lambda: cross_entropy(SparseProbs([[0, 1]], [[1.5, -0.5]]), Logits(Z[:1])),
        ProbabilityError,
        "SparseProbs probs must be ≥ 0, got -0.5",
    ),
    Refusal(
        "a negative sample weight",
        lambda: Weighted(Labels([0, 1]), sample_weight=[1.0, -2.0]),
        ProbabilityError,
        "sample_weight must be ≥ 0, got -2 at position 1",
    ),
    Refusal(
        "a class weight of NaN",
        lambda: Weighted(Labels([0, 1]), class_weight=[1.0, np.nan]),
        ProbabilityError,
        "class_weight must be ≥ 0, got nan at position 1",
    ),
    Refusal(
        "a negative binary class weight",
        lambda: Weighted(BinaryProbs([1.0]), class_weight=(1.0, -1.0)),
        ProbabilityError,
        "the positive class weight must be ≥ 0",
    ),
)
def test_values_that_are_no_probabilities_and_no_weights(refusal: Refusal) -> None:
    check(refusal)
    with plogq.validation("full"):
        check(refusal)
    # Off means off: the same call then runs, whatever its numbers mean.
    with plogq.validation("off"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refusal.call()


@refused(
    Refusal(
        "integers that are neither 0 nor 1",
        lambda: cross_entropy(BinaryProbs([0, 2]), BinaryLogits([0.0, 0.0])),
        ProbabilityError,
        "has the entry 2 outside [0, 1]",
    )
)
@for_each("level", ["off", "on", "full"])
def test_integer_yes_no_targets_are_0_or_1_always(level: str, refusal: Refusal) -> None:
    with plogq.validation(level):
        check(refusal)


@refused(
    Refusal(
        "log-probabilities that are not normalised",
        lambda: cross_entropy(Labels([0]), LogProbs([[0.0, 0.0]])),
        ProbabilityError,
        "event 0 of exp(LogProbs) sums to 2",
    ),
    Refusal(
        "a NaN among scores",
        lambda: cross_entropy(Labels([0]), Logits([[0.0, np.nan]])),
        ProbabilityError,
        "Logits is NaN at (0, 1)",
    ),
    Refusal(
        "a NaN among binary scores",
        lambda: cross_entropy(BinaryProbs([1.0]), BinaryLogits([np.nan])),
        ProbabilityError,
        "BinaryLogits is NaN at (0,)",
    ),
)
def test_what_only_full_validation_finds(refusal: Refusal) -> None:
    with plogq.validation("full"):
        check(refusal)
    for level in ("on", "off"):
        with plogq.validation(level):
            refusal.call()


def test_validation_is_set_for_a_block_and_back() -> None:
    def bad() -> Any:
        return cross_entropy(Labels([0]), Probs([[0.5, 0.6]]))

    with pytest.raises(ProbabilityError):
        bad()
    with plogq.validation("off"):
        assert bad() == pytest.approx(np.log(2))
        with plogq.validation("on"), pytest.raises(ProbabilityError):
            bad()
        assert bad() == pytest.approx(np.log(2))
    with pytest.raises(ProbabilityError):
        bad()
    wrong = pytest.raises(ValueError, match='takes "off", "on" or "full", got \'no\'')
    with wrong, plogq.validation("no"):
        pass


@for_each("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_rows_that_sum_to_1_within_their_dtype_are_welcome(dtype: Any) -> None:
    """A softmax of many classes in low precision is a distribution."""
    rng = np.random.default_rng(1)
    for classes in (2, 10, 1000):
        p = rng.dirichlet(np.ones(classes), 5).astype(dtype)
        assert np.isfinite(cross_entropy(Probs(p), Logits(np.zeros((5, classes)))))


def test_a_nan_row_of_probabilities_is_not_refused() -> None:
    """It makes the loss of its event NaN, which hides nothing."""
    p = np.array([[np.nan, 1.0], [0.5, 0.5]])
    got = cross_entropy(Probs(p), Logits(Z[:2, :2]), reduction="none")
    assert np.isnan(got).tolist() == [True, False]


OUT = np.zeros((4, 3))
READ_ONLY = np.zeros((4, 3))
READ_ONLY.flags.writeable = False
SHARED = np.zeros((8, 3))
TARGET = np.full((4, 3), 1 / 3)


@refused(
    Refusal(
        "an unknown reduction",
        lambda: cross_entropy(Labels(Y), Logits(Z), reduction="average"),
        ValueError,
        "'mean', 'sum', 'none', 'sum_over_batch_size'",
        "got 'average'",
    ),
    Refusal(
        "an unknown reduction of an entropy",
        lambda: plogq.entropy(Probs(Q), reduction="max"),
        ValueError,
        "got 'max'",
    ),
    Refusal(
        "a normalizer without a sum",
        lambda: cross_entropy(Labels(Y), Logits(Z), reduction="none", normalizer=3),
        ValueError,
        "normalizer divides the sum",
        "reduction='sum' or 'mean'",
        "'none'",
    ),
    Refusal("epsilon above 1", lambda: Smoothed(Labels(Y), 1.5), ValueError, "[0, 1], got 1.5"),
    Refusal("a negative epsilon", lambda: Smoothed(BinaryProbs(Q), -0.1), ValueError, "got -0.1"),
    Refusal("an epsilon of NaN", lambda: Smoothed(Labels(Y), float("nan")), ValueError, "got nan"),
    *(
        Refusal(
            f"a softcap of {cap}",
            lambda cap=cap: Logits(Z, softcap=cap),
            ValueError,
            "softcap must be a positive number",
            f"got {cap!r}",
        )
        for cap in (0.0, -30.0, float("inf"), float("nan"))
    ),
    Refusal(
        "a softcap of linear logits",
        lambda: LinearLogits(Z, Z, softcap=0.0),
        ValueError,
        "softcap must be a positive number",
    ),
    Refusal("a negative gamma", lambda: plogq.focal([1.0], -1.0), ValueError, "gamma", "-1.0"),
    Refusal(
        "a word for out",
        lambda: value_and_grad(Labels(Y), Logits(Z), out="inputs"),
        ValueError,
        "an array or the word \"scores\", got 'inputs'",
    ),
    Refusal(
        "a list for out",
        lambda: value_and_grad(Labels(Y), Logits(Z), out=[0.0]),
        ValueError,
        "shape (4, 3) and dtype float64, got list",
    ),
    Refusal(
        "out of another shape",
        lambda: value_and_grad(Labels(Y), Logits(Z), out=np.zeros((3, 4))),
        ValueError,
        "shape (4, 3)",
        "(3, 4)",
    ),
    Refusal(
        "out of another dtype",
        lambda: value_and_grad(Labels(Y), Logits(Z), out=np.zeros((4, 3), "f4")),
        ValueError,
        "dtype float64",
        "float32",
    ),
    Refusal(
        "out that is read-only",
        lambda: value_and_grad(Labels(Y), Logits(Z), out=READ_ONLY),
        ValueError,
        "out takes the gradient, and it is read-only",
    ),
    Refusal(
        "read-only scores to overwrite",
        lambda: value_and_grad(Labels(Y), Logits(READ_ONLY), out="scores"),
        ValueError,
        'out="scores" takes the gradient, and it is read-only',
    ),
    Refusal(
        "out that is the scores",
        lambda: value_and_grad(Labels(Y), Logits(OUT), out=OUT),
        ValueError,
        "out overlaps the scores",
        'out="scores"',
    ),
    Refusal(
        "out that overlaps the scores",
        lambda: value_and_grad(Labels(Y), Logits(SHARED[:4]), out=SHARED[2:6]),
        ValueError,
        "out overlaps the scores",
    ),
    Refusal(
        "out that is the target",
        lambda: value_and_grad(Probs(TARGET), Logits(Z), out=TARGET),
        ValueError,
        "out takes the gradient, and it overlaps an array of the target",
    ),
    Refusal(
        "out of linear logits",
        lambda: value_and_grad(Labels(Y), LinearLogits(Z, Z[:3]), out=Z),
        ValueError,
        "LinearLogits has three",
    ),
)
def test_options_that_do_not_exist_or_do_not_fit(refusal: Refusal) -> None:
    check(refusal)


def test_out_that_overlaps_a_weight_is_refused() -> None:
    """Every input counts, not the first array of the target alone."""
    both = np.full((2, 4), 0.5)
    p = Weighted(BinaryProbs(np.ones((2, 4))), sample_weight=both)
    with pytest.raises(ValueError, match="it overlaps an array of the target"):
        value_and_grad(p, BinaryLogits(np.zeros((2, 4))), out=both)


def test_every_error_of_ours_is_a_plogq_error_and_a_built_in_one() -> None:
    for name in plogq.__all__:
        error = getattr(plogq, name)
        if isinstance(error, type) and issubclass(error, Exception) and error is not PlogqError:
            if issubclass(error, Warning):
                continue
            assert issubclass(error, PlogqError)
            assert issubclass(error, (ValueError, TypeError))
