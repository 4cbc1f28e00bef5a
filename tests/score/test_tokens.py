"""Columns of log q: a token a row or a list of tokens, with bytes or text beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plogq.score import InputError, Report, Wish, score_file

Write = Callable[..., Path]
TOKENS = [["<s>", "Käse", " ", "ist"], ["<s>", "gut", "."], ["<s>"], ["<s>", "Ja"]]
_draw = np.random.default_rng(4)
LOGS = [[None, *(-_draw.exponential(2, len(t) - 1)).tolist()] for t in TOKENS]
FLAT = np.array([x for row in LOGS for x in row if x is not None])
TEXT = "".join(t for row in TOKENS for t in row[1:])


def check(report: Report, *, letters: bool = True) -> None:
    assert report.cross_entropy == pytest.approx(-FLAT.mean(), rel=1e-12)
    assert report.perplexity == pytest.approx(exp(-FLAT.mean()), rel=1e-12)
    assert report.tokens == len(FLAT)
    bits = -FLAT.sum() / log(2)
    assert report.bits_per_byte == pytest.approx(bits / len(TEXT.encode()), rel=1e-12)
    if letters:
        assert report.bits_per_character == pytest.approx(bits / len(TEXT), rel=1e-12)
    assert report.bad_rows == 0


@pytest.mark.parametrize("form", ["parquet", "csv", "npz", "arrow stream"])
def test_a_token_a_row(write: Write, form: str) -> None:
    """Special tokens have length 0 and are left out of everything."""
    flat = [-1.0 if x is None else x for row in LOGS for x in row]
    texts = [t for row in TOKENS for t in row]
    sizes = [0 if t == "<s>" else len(t.encode()) for t in texts]
    docs = [i for i, row in enumerate(TOKENS) for _ in row]
    said = ["" if t == "<s>" else t for t in texts]
    path = write({"lp": flat, "n": sizes, "text": said, "doc": docs}, form)
    check(score_file(path, Wish(log_likelihood="lp", text="text"), batch_rows=3))
    report = score_file(path, Wish(log_likelihood="lp", bytes="n", by=("doc",)), batch_rows=3)
    check(report, letters=False)
    assert report.left_out == 4
    assert {s.value: s.count for s in report.slices} == {"0": 3, "1": 2, "3": 1}


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_lists_of_tokens(tmp_path: Path, kind: str) -> None:
    """A list is one document: it weighs as much as it has tokens."""
    texts = ["".join(row[1:]) for row in TOKENS]
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"lps": LOGS, "said": texts}), path)
    elif kind == "jsonl":
        rows = zip(LOGS, texts, strict=True)
        path.write_text("\n".join(json.dumps({"lps": a, "said": b}) for a, b in rows))
    else:
        rows = zip(LOGS, texts, strict=True)
        lines = [f'"[{", ".join(repr(x) for x in a if x is not None)}]","{b}"' for a, b in rows]
        lines[2] = '[],""'
        path.write_text("\n".join(["lps,said", *lines]))
    report = score_file(path, Wish(log_likelihood="lps", text="said"), batch_rows=2)
    check(report)
    assert (report.events, report.left_out) == (3, 1)
    assert "accuracy" in report.as_dict()


CONTENT = [{"token": t, "logprob": x} for t, x in zip("abc", [-1.0, -2.0, -0.5], strict=True)]
VLLM = [
    {"7": {"logprob": -3.0, "decoded_token": "z"}, "5": {"logprob": -1.0, "decoded_token": "a"}},
    {"6": {"logprob": -2.0, "decoded_token": "b"}},
    {"8": {"logprob": -0.5, "decoded_token": "c"}},
]
TEXTS = {"tokens": ["a", "b", "c"], "token_logprobs": [-1.0, -2.0, -0.5]}


@pytest.mark.parametrize(
    "line",
    [
        {"id": "x", "choices": [{"logprobs": {"content": CONTENT}}]},
        {"choices": [{"text": "abc", "logprobs": TEXTS}]},
        {"custom_id": "x", "response": {"body": {"choices": [{"logprobs": {"content": CONTENT}}]}}},
        {"outputs": [{"token_ids": [5, 6, 8], "logprobs": VLLM}]},
        {"prompt_logprobs": [None, *VLLM], "prompt_token_ids": [1, 5, 6, 8]},
        {"prompt": "abc", "logprobs": CONTENT},
    ],
    ids=["chat", "completions", "batch", "vLLM", "vLLM's prompt", "entries"],
)
def test_answers_of_language_models(tmp_path: Path, line: dict[str, Any]) -> None:
    rows = [json.dumps({"doc": f"d{i}"} | line) for i in range(5)]
    (tmp_path / "x.jsonl").write_text("\n".join([*rows, json.dumps({"doc": "e", "choices": []})]))
    report = score_file(tmp_path / "x.jsonl", Wish(by=("doc",)), batch_rows=2)
    assert report.cross_entropy == pytest.approx(3.5 / 3)
    assert (report.tokens, report.events, report.bad_rows) == (15, 5, 1)
    assert report.first_bad[0].reason == "has no log-probabilities of tokens"
    assert report.bits_per_byte == pytest.approx(3.5 / 3 / log(2))
    assert len(report.slices) == 5


def test_losses_are_known_by_their_sign(write: Write) -> None:
    report = score_file(
        write({"loss": (-FLAT - FLAT.max() + 1.5).tolist()}), Wish(log_likelihood="loss")
    )
    assert report.cross_entropy == pytest.approx(-FLAT.mean() - FLAT.max() + 1.5)
    assert "with its sign turned round" in report.reasons[0]
    bad = [*FLAT.tolist(), 2.0]
    report = score_file(write({"lp": bad}), Wish(log_likelihood="lp"))
    assert [b.reason for b in report.first_bad] == ["lp is 2, no log-probability"]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"log_likelihood": "q"}, "lies in [0, 1], as probabilities do: write their logarithms"),
        ({"log_likelihood": "name"}, "takes one column of numbers or lists"),
        ({"log_likelihood": "lp", "text": "q"}, "--text: there is no column of text 'q'"),
        ({"log_likelihood": "lp", "bytes": "name"}, "--bytes: there is no column of numbers"),
        ({"bytes": "q"}, "--bytes tells how long tokens are: add --log-likelihood COLUMN"),
    ],
)
def test_what_cannot_be(write: Write, wish: dict[str, Any], sentence: str) -> None:
    data = {"q": [0.5, 0.25], "lp": [-1.0, -2.0], "name": ["a", "b"]}
    with pytest.raises(InputError) as caught:
        score_file(write(data), Wish(**wish))
    assert sentence in str(caught.value)
