"""`plogq choose`: every answer is right in every library, and can be copied from a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import scipy.special
import sklearn.metrics
import tensorflow as tf
import torch
import torch.nn.functional as F
from typer.testing import CliRunner

import plogq
from plogq.cli.commands import app
from plogq.decision import (
    LABELS,
    LAST_LAYER,
    LIBRARIES,
    OUTPUTS,
    TWICE_SIGMOID,
    TWICE_SOFTMAX,
    answer,
    every,
    shown_calls,
    tree,
)

from .together import for_each

ANSWERS = list(every())
RUN = CliRunner()
K = 4


def run(*arguments: str, code: int = 0, answers: str | None = None, width: int = 80) -> str:
    found = RUN.invoke(app, ["choose", *arguments], input=answers, env={"COLUMNS": str(width)})
    assert found.exit_code == code, found.output
    return found.output


def flags(answers: tuple[str, str, str]) -> list[str]:
    return [x for pair in zip(("--outputs", "--last-layer", "--labels"), answers, strict=True)
            for x in pair]  # fmt: skip


def arrays(outputs: str, last: str, labels: str) -> tuple[dict[str, Any], float]:
    """What a model with this last layer puts out, such labels, and the mean of -Σ p log q."""
    rng = np.random.default_rng(3)
    h, w, b = rng.normal(size=(5, 2)), rng.normal(size=(K, 2)), rng.normal(size=K)
    z = h @ w.T + b
    if outputs == "exclusive":
        q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        y = np.array([0, 3, 1, 2, 3])
        p = np.eye(K)[y]
        if labels == "probabilities":
            p = (p + 0.25) / 2
        mean = float(-(p * np.log(q)).sum() / len(p))
        made: dict[str, Any] = {"p": p} | ({"y": y} if labels == "index" else {})
    else:
        z = z[:, 0] if outputs == "one" else z
        q = 1 / (1 + np.exp(-z))
        y = (rng.random(z.shape) > 0.5).astype(float)
        if labels == "probabilities":
            y = y / 2 + 0.25
        mean = float(-(y * np.log(q) + (1 - y) * np.log(1 - q)).mean())
        made = {"y": y}
    given = {
        "nothing": {"z": z},
        "sigmoid": {"q": q},
        "softmax": {"q": q},
        "log-softmax": {"l": np.log(q)},
        "hidden": {"h": h, "W": w, "b": b, "z": z},
    }[last]
    return made | given, mean


MAKE: dict[str, Any] = {
    "plogq": np.asarray,
    "keras": keras.ops.convert_to_tensor,
    "keras_string": keras.ops.convert_to_tensor,
    "tensorflow": tf.constant,
    "torch": torch.tensor,
    "torch_module": torch.tensor,
    "optax": jnp.asarray,
    "sklearn": np.asarray,
}
NAMES = {
    "plogq": plogq,
    "keras": keras,
    "tf": tf,
    "torch": torch,
    "F": F,
    "optax": optax,
    "jax": jax,
    "jnp": jnp,
    "numpy": np,
    "scipy": scipy,
    "log_loss": sklearn.metrics.log_loss,
    "K": K,
    **{name: getattr(plogq, name) for name in plogq.__all__},
}


@for_each("library", LIBRARIES)
@for_each("answers", ANSWERS, ids=" ".join)
def test_every_answer_is_right_in_every_library(answers: Any, library: str) -> None:
    call = getattr(answer(*answers).calls, library)
    if call is None:
        soft = answers[2] == "probabilities"
        assert (library == "sklearn" and soft) or (
            library == "keras_string" and answers[1] not in ("sigmoid", "softmax")
        )
        return
    values, mean = arrays(*answers)
    made = {
        name: MAKE[library](x if x.dtype.kind != "f" or library in ("plogq", "sklearn")
                            else x.astype(np.float32))
        for name, x in values.items()
    }  # fmt: skip
    if library == "keras_string":
        found = keras.losses.get(call)(made.get("y", made.get("p")), made["q"])
    elif library == "keras":
        predicted = next(made[n] for n in ("z", "q", "l") if n in made)
        found = eval(call, NAMES)(made.get("y", made.get("p")), predicted)
    else:
        found = eval(call, NAMES, made)
    found = found.detach() if isinstance(found, torch.Tensor) else found
    assert float(np.mean(np.asarray(found))) == pytest.approx(mean, rel=1e-5)


@for_each("answers", ANSWERS, ids=" ".join)
def test_the_helper_by_name_is_the_same(answers: Any) -> None:
    found = answer(*answers)
    calls = dict(shown_calls(found))
    if not found.helper:
        assert answers[1] in ("log-softmax", "hidden")
        assert "plogq, by name" not in calls
        return
    values, mean = arrays(*answers)
    got = eval(calls["plogq, by name"], NAMES, values)
    assert float(got) == pytest.approx(mean, rel=1e-12)


def test_two_classes_and_one_sigmoid_lead_to_binary_cross_entropy() -> None:
    """The commonest case of all: cats or dogs, Dense(1), a sigmoid."""
    out = run(answers="1\n2\n1\n")
    assert "cats or dogs" in out
    assert "Dense(1)" in out
    assert "plogq.binary_cross_entropy(y, q)" in out
    assert 'loss="binary_crossentropy"' in out
    assert "ln 2 = 0.693" in out


@for_each("width", [60, 80, 120])
@for_each("answers", ANSWERS, ids=" ".join)
def test_no_call_is_broken(answers: Any, width: int) -> None:
    found = answer(*answers)
    out = run(*flags(answers), width=width)
    for library, call in shown_calls(found):
        lines = out.splitlines()
        assert lines[lines.index(library) + 1] == f"    {call}"
        if width >= 80:
            assert len(call) + 4 <= 80
    calls = {f"    {call}" for _, call in shown_calls(found)}
    assert all(len(line) <= width for line in out.splitlines() if line not in calls)
    for text in (found.last_layer, found.mistake, found.untrained):
        assert text[1:].replace(" ", "") in re.sub(r"\s", "", out)


def test_the_questions_are_asked_with_an_array_each() -> None:
    out = run(answers="2\n9\n1\none-hot\n", width=60)
    for question in (OUTPUTS, LAST_LAYER["exclusive"], LABELS["exclusive"]):
        assert question.text in out
        for option in question.options:
            assert option.example in out
    assert "Answer with a number from 1 to 4." in out
    assert "plogq.cross_entropy(Probs(p), Logits(z))" in out
    assert all(len(line) <= 60 for line in out.partition("softmax cross-entropy")[0].splitlines())


def test_all_six_helpers_are_answers() -> None:
    helpers = {name for name in plogq.__all__ if name.endswith("_cross_entropy")}
    assert len(helpers) == 6
    assert {answer(*names).helper for names in ANSWERS} == helpers | {""}


def test_only_what_is_open_is_asked() -> None:
    out = run("--outputs", "independent", "--labels", "several ones", answers="1\n")
    assert OUTPUTS.text not in out
    assert LABELS["independent"].text not in out
    assert "BinaryLogits(z)" in out


def test_what_is_no_answer_is_refused() -> None:
    out = run("--outputs", "many", code=2)
    assert out == "plogq choose: --outputs is one or exclusive or independent, not 'many'\n"
    out = run("--outputs", "one", "--last-layer", "sigmod", code=2)
    assert "--last-layer is nothing or sigmoid, not 'sigmod'; did you mean sigmoid?" in out
    assert "--last-layer is nothing or sigmoid, not 'softmax'" in run(
        "--outputs", "one", "--last-layer", "softmax", code=2
    )
    assert "add --outputs one|exclusive|independent" in run(answers="", code=2)


@for_each(
    ("typed", "offered"),
    [
        ("--outputs ", "one exclusive independent"),
        ("--last-layer s", "sigmoid softmax"),
        ("--labels one", "one-hot"),
    ],
)
def test_tab_completes_the_answers(typed: str, offered: str) -> None:
    environment = {
        "_PLOGQ_COMPLETE": "complete_bash",
        "COMP_WORDS": f"plogq choose {typed}",
        "COMP_CWORD": "3",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "plogq"],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip
    assert ended.stdout.split() == offered.split()


def test_as_json() -> None:
    names = ("exclusive", "hidden", "index")
    found = json.loads(run(*flags(names), "--format", "json"))
    assert found["answers"] == dict(zip(("outputs", "last-layer", "labels"), names, strict=True))
    assert found["calls"]["plogq"] == "plogq.cross_entropy(Labels(y), LinearLogits(h, W, b))"
    assert set(LIBRARIES.values()) <= set(found["calls"])


def test_the_tree_of_the_page_is_the_same() -> None:
    found = json.loads(json.dumps(tree()))
    assert set(found["answers"]) == {"/".join(a) for a in ANSWERS}
    for names in ANSWERS:
        got = found["answers"]["/".join(names)]
        assert [tuple(c) for c in got["calls"]] == list(shown_calls(answer(*names)))
        assert got["mistake"] == answer(*names).mistake


def test_the_numbers_that_are_named() -> None:
    """What an untrained model loses, and where a loss ends that is taken twice."""
    for k in (2, 10, 1000):
        found = plogq.sparse_softmax_cross_entropy([1], np.zeros((1, k)))
        assert f"ln {k} = {found:.3f}" in answer("exclusive", "nothing", "index").untrained
    found = plogq.sigmoid_cross_entropy([1.0], [0.0])
    assert f"ln 2 = {found:.3f}" in answer("one", "sigmoid", "0/1").untrained
    best = plogq.sparse_softmax_cross_entropy([0], np.eye(10)[:1])
    assert best == pytest.approx(TWICE_SOFTMAX, rel=1e-12)
    assert f"{best:.3f}" == "1.461"
    assert plogq.sigmoid_cross_entropy([1.0], [1.0]) == pytest.approx(TWICE_SIGMOID, rel=1e-12)
    assert 1 / (1 + np.exp(-np.float32(18))) == 1 > 1 / (1 + np.exp(-np.float32(16)))
    assert np.float32(1e-46) == 0 < np.float32(1e-44)


def test_the_words_that_people_use() -> None:
    text = json.dumps(tree())
    for word in ("one-hot", "multi-label", "multi-class", "cats or dogs", "Dense(1)", "logits",
                 "autoencoder", "distillation"):  # fmt: skip
        assert word in text
