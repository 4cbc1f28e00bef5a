"""Columns within columns: structs, maps, and what a pipeline of transformers answers."""

from __future__ import annotations

import json
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import plogq
from plogq.score import InputError, Wish, score_file

_arrow: Any = pa
_feather: Any = feather
_parquet: Any = pq

NAMES = ("ant", "bee", "cow")
ROWS = 12
RNG = np.random.default_rng(20261202)
Q = np.round(RNG.dirichlet(np.ones(3), ROWS), 6)
Y = [i % 3 for i in range(ROWS)]
H = -sum(log(Q[i, y]) for i, y in enumerate(Y)) / ROWS
ORDERS: list[list[int]] = [RNG.permutation(3).tolist() for _ in range(ROWS)]
NUMBER = _arrow.float64()


def answers() -> list[list[dict[str, Any]]]:
    """As a pipeline gives them: from row to row in another order."""
    return [[{"label": NAMES[k], "score": float(Q[i, k])} for k in ORDERS[i]] for i in range(ROWS)]


def kinds() -> dict[str, Any]:
    by_name = [{NAMES[k]: float(Q[i, k]) for k in range(3)} for i in range(ROWS)]
    pairs = [[(NAMES[k], float(Q[i, k])) for k in ORDERS[i]] for i in range(ROWS)]
    words = _arrow.dictionary(_arrow.int32(), _arrow.string())
    lists = [{key + "s": [each[key] for each in row] for key in row[0]} for row in answers()]
    large = _arrow.large_list(_arrow.struct([("score", NUMBER), ("label", _arrow.string())]))
    return {
        "struct": _arrow.array(by_name),
        "struct in a struct": _arrow.array([{"model": {"probs": each}} for each in by_name]),
        "map": _arrow.array(pairs, _arrow.map_(_arrow.string(), NUMBER)),
        "map of words": _arrow.array(pairs, _arrow.map_(_arrow.string(), NUMBER)).cast(
            _arrow.map_(words, NUMBER)
        ),
        "pipeline": _arrow.array(answers()),
        "pipeline in a struct": _arrow.array([{"out": each} for each in answers()]),
        "two lists": _arrow.array(lists),
        "two lists in a struct": _arrow.array([{"model": each} for each in lists]),
        "large lists": _arrow.array(answers(), large),
    }


def table(column: Any) -> Any:
    return _arrow.table({"label": [NAMES[y] for y in Y], "output": column})


@pytest.mark.parametrize("kind", kinds())
def test_every_name_is_a_column(tmp_path: Path, kind: str) -> None:
    given = table(kinds()[kind])
    assert plogq.evaluate(given).cross_entropy == pytest.approx(H, rel=1e-12)
    paths = [tmp_path / f"a.{end}" for end in ("parquet", "feather", "arrow", "jsonl")]
    if kind != "map of words":
        # Parquet has no words beside a dictionary in maps.
        _parquet.write_table(given, paths[0], row_group_size=5)
    _feather.write_feather(given, paths[1])
    with _arrow.ipc.new_stream(paths[2], given.schema) as writer:
        writer.write_table(given, max_chunksize=5)
    if "map" not in kind:
        lines = map(json.dumps, given.to_pylist())
        paths[3].write_text("\n".join(lines))
    found = [path for path in paths if path.exists()]
    assert len(found) >= 2
    for path in found:
        report = score_file(path, batch_rows=4)
        assert report.cross_entropy == pytest.approx(H, rel=1e-12), path
        assert report.events == ROWS


def test_lists_in_a_struct_are_a_prediction(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    outputs = [{"model": {"probs": row.tolist()}} for row in Q]
    _parquet.write_table(_arrow.table({"label": Y, "output": outputs}), path)
    assert score_file(path).cross_entropy == pytest.approx(H, rel=1e-12)


def test_a_row_that_lacks_a_name_or_has_another_or_one_twice_is_a_bad_row(tmp_path: Path) -> None:
    given: list[Any] = answers()
    given[3] = given[3][:2]
    given[5] = [given[5][0], given[5][0], given[5][2]]
    given[7] = None
    given[11] = [*given[11], {"label": "yak", "score": 0.25}]
    path = tmp_path / "some.parquet"
    _parquet.write_table(table(_arrow.array(given)), path)
    bad = (3, 5, 7, 11)
    lines = tmp_path / "some.jsonl"
    lines.write_text(
        "\n".join(json.dumps({"label": NAMES[Y[i]], "output": given[i]}) for i in range(ROWS))
    )
    rest = [i for i in range(ROWS) if i not in bad]
    for file in (path, lines):
        report = score_file(file, batch_rows=4)
        want = -sum(log(Q[i, Y[i]]) for i in rest) / len(rest)
        assert report.cross_entropy == pytest.approx(want, rel=1e-12)
        assert tuple(each.row for each in report.first_bad) == bad
        assert "is missing" in report.first_bad[0].reason


def zero_shot(**truth: Any) -> list[dict[str, Any]]:
    """What a zero-shot pipeline writes a line: labels by their scores."""
    rows: list[dict[str, Any]] = []
    for i in range(ROWS):
        order = np.argsort(-Q[i]).tolist()
        scores = [float(Q[i, k]) for k in order]
        rows.append(
            {"sequence": f"text {i}", "labels": [NAMES[k] for k in order], "scores": scores}
        )
        rows[i] |= {key: values[i] for key, values in truth.items()}
    return rows


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_two_lists_of_a_zero_shot_pipeline_are_a_column_for_each_label(tmp_path: Path) -> None:
    rows = zero_shot(truth=[NAMES[y] for y in Y])
    path = written(tmp_path / "all.jsonl", rows)
    assert score_file(path, batch_rows=4).cross_entropy == pytest.approx(H, rel=1e-12)
    _parquet.write_table(_arrow.Table.from_pylist(rows), tmp_path / "all.parquet")
    assert score_file(tmp_path / "all.parquet").cross_entropy == pytest.approx(H, rel=1e-12)
    assert plogq.evaluate(_arrow.Table.from_pylist(rows)).events == ROWS
    lacks = rows[2]["labels"].pop()
    rows[2]["scores"].pop()
    rows[4]["scores"].pop()
    rows[6]["labels"][0] = "yak"
    report = score_file(written(tmp_path / "some.jsonl", rows))
    assert [each.row for each in report.first_bad] == [2, 4, 6]
    assert report.first_bad[0].reason == f"scores.{lacks} is missing"


def test_no_place_names_a_label_of_rows_in_several_orders(tmp_path: Path) -> None:
    path = written(tmp_path / "places.jsonl", zero_shot(truth=Y))
    for wish in (Wish(), Wish(first_label=0)):
        with pytest.raises(InputError, match=r"'truth' names no class.*another order from row to"):
            score_file(path, wish)
    rows = [dict(row, labels=["ant", "bee", "cow"], scores=Q[i].tolist())
            for i, row in enumerate(zero_shot(truth=Y))]  # fmt: skip
    found = score_file(written(tmp_path / "one.jsonl", rows))
    assert found.cross_entropy == pytest.approx(H, rel=1e-12)


def test_several_labels_a_row_are_asked_for_as_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "several.jsonl", zero_shot(truth=[["ant", "bee"]] * ROWS))
    with pytest.raises(InputError, match=r"'truth' is named like a target.*a column of 0 and 1"):
        score_file(path)


def test_words_beside_numbers_are_no_classes(tmp_path: Path) -> None:
    words = [[f"word {i}", "the", f"end {i}"] for i in range(ROWS)]
    rows = [{"tokens": words[i], "probs": Q[i].tolist(), "label": Y[i]} for i in range(ROWS)]
    assert score_file(written(tmp_path / "words.jsonl", rows)).classes[0].label == "0"


def test_dictionaries_as_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "dictionaries.csv"
    cells = [f'{NAMES[Y[i]]},"{dict(zip(NAMES, Q[i].tolist(), strict=True))}"' for i in range(ROWS)]
    path.write_text("\n".join(["label,output", *cells]))
    with pytest.raises(InputError, match="'output' holds dictionaries as text: write JSON lines"):
        score_file(path)
