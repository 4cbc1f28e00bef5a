"""What `plogq.evaluate` refuses, in sentences that name its arguments or what to install."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import plogq
from plogq.score import InputError, score_file

from .drawn import CITY, ROWS, W, Y, Z

FRAME = pd.DataFrame({**{f"z_{k}": Z[:, k] for k in range(3)}, "label": Y, "w": W})
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no prediction": (lambda: plogq.evaluate(Y), "write plogq.evaluate(target, prediction)"),
    "shapes": (
        lambda: plogq.evaluate(Y, Z[:3]),
        "the target has the shape (500,) and the prediction (3, 3)",
    ),
    "smoothed": (
        lambda: plogq.evaluate(plogq.Smoothed(plogq.Labels(Y), 0.1), Z), "Smoothed is not scored"
    ),
    "softcap": (lambda: plogq.evaluate(Y, plogq.Logits(Z, softcap=3.0)), "cap them before"),
    "option": (lambda: plogq.evaluate(Y, Z, colour=1), "has no option 'colour'"),
    "a weight as others call it": (
        lambda: plogq.evaluate(Y, Z, sample_weight=W), "no option 'sample_weight'; write weight="
    ),
    "a typo": (lambda: plogq.evaluate(Y, Z, calibrations=True), "write calibration="),
    "chosen classes": (
        lambda: plogq.evaluate(Y, Z.argmax(axis=1)), "the prediction holds classes that were chosen"
    ),
    "chosen names": (
        lambda: plogq.evaluate(["a", "b", "a"], ["a", "a", "a"]), "chosen (such as 'a'), and H is"
    ),
    "chosen yes": (lambda: plogq.evaluate([0, 1, 1], [0, 1, 0]), "of yes, BinaryProbs(q)"),
    "swapped": (lambda: plogq.evaluate(Z, Y), "these look swapped, evaluate(target, prediction)"),
    "names of classes": (
        lambda: plogq.evaluate(np.array(["a", "b", "c"])[Y], Z), "from Python classes=[…] names"
    ),
    "no array": (lambda: plogq.evaluate(Y, {"a": 1}), "prediction is dict, which is no array"),
    "ragged": (lambda: plogq.evaluate([[1], [2, 3]], Z), "target is no array"),
    "numbers": (lambda: plogq.evaluate(3, 0.5), "a single number is no array of events"),
    "empty": (lambda: plogq.evaluate([], []), "there is nothing to score"),
    "complex": (lambda: plogq.evaluate(Y, Z + 1j), "prediction holds complex128"),
    "weights": (lambda: plogq.evaluate(Y, Z, weight=W[:2]), "weight has 2 values"),
    "by": (lambda: plogq.evaluate(Y, Z, by=CITY), "by= is a dictionary"),
    "by twice": (lambda: plogq.evaluate(Y, Z, by={"target": Y}), "the name of another column"),
    "column": (lambda: plogq.evaluate(FRAME, target="nothing"), "target=: there is no column 'not"),
    "number": (lambda: plogq.evaluate(Y, Z, clip="x"), "clip= is a number, not str"),
    "classes": (lambda: plogq.evaluate(Y, Z, classes=3), "classes= names every class"),
    "columns twice": (
        lambda: plogq.evaluate(pd.DataFrame(Z, columns=["a", "a", "b"])), "the table cannot be read"
    ),
    "objects": (
        lambda: plogq.evaluate(pd.DataFrame({"label": Y, "p": [object()] * ROWS})),
        "the table cannot be read",
    ),
    "on": (lambda: plogq.evaluate(FRAME, on="id"), "on=: there is no column 'id' of text or"),
    "two": (lambda: plogq.evaluate(FRAME, probs="a", logits="b"), "they are one prediction"),
    "array in a table": (lambda: plogq.evaluate(FRAME, weight=W), "weight= names a column"),
    "column of arrays": (lambda: plogq.evaluate(Y, Z, target="label"), "leave them out beside arr"),
    "from 1": (lambda: plogq.evaluate(Y + 1, Z), "add first_label=1 if label 1 means the first"),
    "no rows": (
        lambda: score_file(Path(__file__).with_name("field") / "capitals.csv").rows(),
        "rows() needs the loss of every row",
    ),
}  # fmt: skip


def test_what_pandas_and_masks_would_lose_is_refused() -> None:
    table = pd.DataFrame([[0.5, 0.5], [0.25, 0.75]])
    shuffled = pd.Series([1, 0], index=[1, 0])
    with pytest.raises(InputError, match=r"one index in two orders: write prediction\.loc"):
        plogq.evaluate(shuffled, table)
    assert plogq.evaluate(shuffled.to_numpy(), table).events == 2
    # Another index tells nothing of the rows.
    assert plogq.evaluate(pd.Series([1, 0], index=[7, 3]), table).events == 2
    masked = np.ma.masked_array([0, 1], mask=[False, True])
    for given in ((masked, [[0.5, 0.5]] * 2), ([0, 1], np.ma.masked_array([[0.5, 0.5]] * 2))):
        with pytest.raises(InputError, match="is a masked array"):
            plogq.evaluate(*given)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_a_sentence(case: str) -> None:
    call, sentence = REFUSED[case]
    with pytest.raises(InputError) as caught:
        call()
    assert sentence in str(caught.value)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize(
    ("missing", "call", "told"),
    [
        ("narwhals", "plogq.evaluate(object())", "pip install 'plogq[tables]'"),
        ("pyarrow", "plogq.evaluate([1], [[1.0, 2.0]])", "pip install 'plogq[cli]'"),
        (
            "matplotlib",
            "plogq.evaluate([0, 1] * 30, [[0.9, 0.1], [0.4, 0.6]] * 30, calibration=True).plot()",
            "pip install matplotlib",
        ),
    ],
)
def test_what_is_not_installed_is_named(missing: str, call: str, told: str) -> None:
    code = (
        f"import sys\nsys.modules[{missing!r}] = None\nimport plogq\n"
        f"try:\n    {call}\nexcept ModuleNotFoundError as e:\n    print(e)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told in ended.stdout
    assert missing in ended.stdout
