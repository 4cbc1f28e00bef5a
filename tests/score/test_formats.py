"""Every format gives the same numbers, those of mpmath, whatever the batches."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mpmath import mp, mpf

from plogq.score import InputError, Report, Wish, score_file
from plogq.score import text as text_files

Write = Callable[..., Path]

# Sixteenths are exact in every format and dtype, and each row sums to 1.
ROWS = [
    ([10, 4, 2], 0), ([1, 14, 1], 1), ([8, 4, 4], 2), ([2, 2, 12], 2), ([6, 5, 5], 1),
    ([3, 12, 1], 1), ([4, 4, 8], 0), ([15, 0, 1], 0), ([1, 1, 14], 2), ([5, 9, 2], 0),
    ([2, 13, 1], 1), ([7, 7, 2], 1), ([1, 2, 13], 2),
]  # fmt: skip
PROBS = [[n / 16 for n in row] for row, _ in ROWS]
LABELS = [label for _, label in ROWS]
COLUMNS: dict[str, Any] = {
    **{f"p{k}": [row[k] for row in PROBS] for k in range(3)},
    "label": LABELS,
}


def expected() -> tuple[float, float]:
    """The mean of -log q and its standard error, in 40 digits."""
    with mp.workdps(40):
        losses = [-mp.log(mpf(row[label]) / 16) for row, label in ROWS]
        n = len(losses)
        mean = mp.fsum(losses) / n
        variance = mp.fsum((x - mean) ** 2 for x in losses) / (n - 1)
        return float(mean), float(mp.sqrt(variance / n))


def check(report: Report) -> None:
    mean, error = expected()
    assert report.cross_entropy == pytest.approx(mean, rel=1e-14)
    assert report.standard_error == pytest.approx(error, rel=1e-13)
    assert report.row_count == report.events == 13
    # Row 11 is a tie of classes 0 and 1: the first counts, as in argmax.
    assert report.accuracy == pytest.approx(8 / 13, rel=1e-15)
    assert [c.count for c in report.classes] == [4, 5, 4]
    assert [c.recall for c in report.classes] == [0.5, 0.6, 0.75]
    assert report.bad_rows == 0


@pytest.mark.parametrize("batch_rows", [1, 2, 5, 13, 100])
def test_a_file_in_every_format(write: Write, form: str, batch_rows: int) -> None:
    check(score_file(write(COLUMNS, form), batch_rows=batch_rows))


@pytest.mark.parametrize("content", ["logits", "log-probs", "probs"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_contents_and_dtypes(write: Write, content: str, dtype: type[np.floating[Any]]) -> None:
    """Scores with a shift and log-probabilities stand for the same probabilities."""
    probs = np.array(PROBS)
    with np.errstate(divide="ignore"):
        stored = {"probs": probs, "logits": np.log(probs) + 3.0, "log-probs": np.log(probs)}[
            content
        ]
    values = stored.astype(dtype)
    columns = {f"s{k}": values[:, k] for k in range(3)} | {"label": LABELS}
    wish = Wish(prediction="s*", content=content)
    report = score_file(write(columns), wish)
    with mp.workdps(40):
        losses = []
        for row, label in zip(values.tolist(), LABELS, strict=True):
            q = [mpf(v) if content == "probs" else mp.exp(mpf(v)) for v in row]
            total = mp.fsum(q) if content == "logits" else 1
            losses.append(-mp.log(q[label] / total))
        mean = float(mp.fsum(losses) / len(losses))
    precision = 1e-13 if dtype is np.float64 else 2e-6
    assert report.cross_entropy == pytest.approx(mean, rel=precision)


@pytest.mark.parametrize("kind", ["list", "large list", "fixed-size list"])
def test_list_columns(tmp_path: Path, kind: str) -> None:
    types = {
        "list": pa.list_(pa.float32()),
        "large list": pa.large_list(pa.float32()),
        "fixed-size list": pa.list_(pa.float32(), 3),
    }
    table = pa.table({"q": pa.array(PROBS, types[kind]), "label": pa.array(LABELS)})
    pq.write_table(table, tmp_path / "lists.parquet", row_group_size=4)
    report = score_file(tmp_path / "lists.parquet", batch_rows=3)
    mean, _ = expected()
    assert report.cross_entropy == pytest.approx(mean, rel=1e-6)
    assert report.accuracy == pytest.approx(8 / 13)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_npz_matrices_of_any_layout(tmp_path: Path, order: str, endian: str) -> None:
    probs = np.array(PROBS, dtype=f"{endian}f8", order=order)
    np.savez(tmp_path / "m.npz", probs=probs, label=np.array(LABELS, f"{endian}i4"), note=3)
    check(score_file(tmp_path / "m.npz", batch_rows=4))


def test_a_compressed_column_major_matrix_is_refused(tmp_path: Path) -> None:
    probs = np.array(PROBS, order="F")
    np.savez_compressed(tmp_path / "m.npz", probs=probs, label=LABELS)
    with pytest.raises(InputError, match=r"save np\.ascontiguousarray\(probs\) instead"):
        score_file(tmp_path / "m.npz")


def test_npz_arrays_of_unlike_length_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", probs=np.array(PROBS), label=LABELS[:-1])
    with pytest.raises(InputError, match="probs has 13 and label has 12"):
        score_file(tmp_path / "m.npz")


def test_npz_of_pickled_objects_is_refused_unread(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", probs=np.array(PROBS), label=np.array([{}] * 13, object))
    with pytest.raises(InputError, match="column 'label' is named like a target"):
        score_file(tmp_path / "m.npz")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiters_and_compression(tmp_path: Path, delimiter: str) -> None:
    lines = ["p0,p1,p2,label"] + [
        f"{a},{b},{c},{y}" for (a, b, c), y in zip(PROBS, LABELS, strict=True)
    ]
    text = "\r\n".join(lines).replace(",", delimiter)
    with gzip.open(tmp_path / "x.csv.gz", "wt", encoding="utf-8-sig") as file:
        file.write(text)
    check(score_file(tmp_path / "x.csv.gz"))


# Rows after good ones: what a block of numbers may have among them.
ODD = {
    "nothing": "",
    "missing": "0.5,,0.25,1\n,0.5,0.5,0\n0.5,0.25,0.25,\n",
    "quoted": '"0.5","0.25",0.25,1\n"",0.5,0.5,0\n',
    "spaces": " 0.5,0.25 ,\t0.25, 1\n",
    "no numbers": "NA,0.5,0.5,0\nnan,0.5,0.5,0\nNAN,0.5,0.5,0\n nan,0.5,0.5,0\n-nan,1,0,0\n",
    "other words": "0.5,x,0.25,1\n0.5,0.25,0.25,one\n0.5,0.5%,0,1\n+0.5,1e-1,.4,1\n",
    "infinite": "inf,0.5,0.5,0\n-inf,inf,0.5,1\nInfinity,0.5,0.5,0\n",
    "another length": "0.5,0.5,1\n0.5,0.25,0.25,1,7\n",
    "many": "x,0.5,0.25,1\n" * 10,
}


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("odd", ODD)
def test_a_block_of_numbers_is_read_as_its_fields_are(
    tmp_path: Path, odd: str, decimal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [
        f"{','.join(map(str, row))},{label}\n" for row, label in zip(PROBS, LABELS, strict=True)
    ]
    text = "p0,p1,p2,label\n" + "".join(good) + ODD[odd] + "".join(good)
    if decimal == ",":
        text = text.replace(",", ";").replace(".", ",")
    path = tmp_path / "a.csv"
    path.write_text(text)
    by_column: list[bool] = []
    holds_nan = text_files.holds_nan
    monkeypatch.setattr(text_files, "holds_nan", lambda x: by_column.append(True) or holds_nan(x))
    fast = score_file(path, named_bad_rows=100).to_dict()
    assert by_column or odd in ("spaces", "no numbers", "other words", "many")
    # Blocks are read by fields where a column holds what is no number.
    monkeypatch.setattr(text_files, "holds_nan", lambda _: True)
    assert score_file(path, named_bad_rows=100).to_dict() == fast
    assert fast["events"] >= 26


def test_columns_are_ordered_by_their_number(write: Write) -> None:
    """p10 stands after p9, wherever it is in the file."""
    shares = np.arange(1, 12) / 66
    names = sorted(f"p{k}" for k in range(11))
    columns = {name: [shares[int(name[1:])]] for name in names} | {"label": [10]}
    assert names.index("p10") == 2
    report = score_file(write(columns))
    assert report.cross_entropy == pytest.approx(float(mp.log(6)), rel=1e-14)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.parquet", b"PAR1 and no more", "x.parquet cannot be read"),
        ("x.npz", b"PK\x03\x04 and no more", "x.npz cannot be read"),
        ("x.arrow", b"ARROW1\0\0 and no more", "x.arrow cannot be read"),
        ("x.csv", b"", "x.csv is empty"),
        ("x.csv", b"0.5,0.5,1\n", "not column names: add a header line"),
        ("x.csv", b"p0,p1,p1,label\n", "two columns named 'p1'"),
        ("x.csv", b"p0,p1,label\n", "the file has no rows"),
        ("x.bin", b"\0\1\2\3", "none of CSV, JSON lines, Parquet, Arrow IPC, NPZ and NPY"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        score_file(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        score_file(tmp_path / "nothing.parquet")
    with pytest.raises(InputError, match="holds no file"):
        score_file(tmp_path)


def test_progress_goes_from_0_to_1(write: Write, form: str) -> None:
    seen: list[float] = []
    score_file(write(COLUMNS, form), batch_rows=2, progress=seen.append)
    assert len(seen) >= 7
    assert seen == sorted(seen)
    assert 0 < seen[0] <= seen[-1]
    # An Arrow stream ends with a marker that is no batch.
    assert seen[-1] == pytest.approx(1, abs=0.01)
