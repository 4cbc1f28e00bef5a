"""Where predictions and the truth lie, and how their text is written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plogq.score import InputError, Wish, score_file

TEXT = "p0,p1,label\n" + "".join(f"0.{i},{1 - i / 10:.1f},{i % 2}\n" for i in range(1, 9))
H = -np.mean([np.log(i / 10 if i % 2 == 0 else 1 - i / 10) for i in range(1, 9)])


def refusal(path: Path, **wish: object) -> str:
    with pytest.raises(InputError) as caught:
        score_file(path, Wish(**wish))
    return str(caught.value)


def spaced(text: str) -> str:
    return text.replace(",", "   ").replace("\n", "  \n")


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(TEXT.encode()),
        bz2.compress(TEXT.encode()),
        lzma.compress(TEXT.encode()),
        pa.Codec("zstd").compress(TEXT.encode(), asbytes=True),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", ", ").encode(),
        TEXT.replace(",", "|").encode(),
        TEXT.replace(",", ";").replace(".", ",").encode(),
        TEXT.replace(",", "\t").replace(".", ",").encode(),
        spaced(TEXT).encode(),
        f"# a comment\n#another, one\n{TEXT}# the end\n".encode(),
        f"# {TEXT}".encode(),
        TEXT.replace(",", ";").replace(".", ",").encode("utf-16"),
        gzip.compress(TEXT.encode("utf-16")),
    ],
    ids=[
        "gzip", "bz2", "xz", "zstd", "BOM", "UTF-16", "UTF-16 LE", "UTF-16 BE", "CR", "CRLF",
        "tabs", "comma and space", "bars", "decimal comma", "tabs and decimal comma", "spaces",
        "comments", "names in a comment", "decimal comma in UTF-16", "UTF-16 in gzip",
    ],
)  # fmt: skip
def test_text_however_it_is_written(tmp_path: Path, data: bytes) -> None:
    """The name of the file says nothing."""
    (tmp_path / "x.csv").write_bytes(data)
    report = score_file(tmp_path / "x.csv")
    assert report.cross_entropy == pytest.approx(H, rel=1e-12)
    assert (report.row_count, report.bad_rows) == (8, 0)


def test_latin_1_is_read_as_such_and_said(tmp_path: Path) -> None:
    text = "p_Käse,p_Brot,label\n" + "0.5,0.5,Käse\n0.25,0.75,Brot\n" * 3
    (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    report = score_file(tmp_path / "x.csv")
    assert [c.label for c in report.classes] == ["Käse", "Brot"]
    assert "The text is in Latin-1 (Windows-1252), not UTF-8." in report.reasons


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pickle.dumps([1]), ["pickle", "read_pickle"]),
        (lambda: gzip.compress(pickle.dumps({"a": 1})), ["pickle"]),
        (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), ["HDF5", "read_hdf"]),
        (lambda: b"\xd0\xcf\x11\xe0" + bytes(99), ["Excel", "CSV"]),
        (lambda: b"SQLite format 3\0" + bytes(99), ["SQLite", "sqlite3"]),
        (lambda: b'[\n{"p0": 0.5}]', ["plain JSON", "jq -c '.[]' x.dat > x.jsonl"]),
        (lambda: b'{"p0": [0.5,\n0.2]}', ["plain JSON", "jq -c"]),
        (lambda: gzip.compress(b"PAR1" + bytes(99)), ["Parquet", "gzip -d"]),
    ],
)  # fmt: skip
def test_what_is_not_read_names_the_command(tmp_path: Path, make: object, words: list[str]) -> None:
    (tmp_path / "x.dat").write_bytes(make())
    said = refusal(tmp_path / "x.dat")
    assert all(word in said for word in words), said


def test_archives_name_what_they_hold(tmp_path: Path) -> None:
    for member, words in (
        ("a.csv", "unzip -p x.zip a.csv > a.csv"),
        ("archive/data.pkl", "torch.save"),
        ("[Content_Types].xml", "Excel"),
    ):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(member, "x")
        assert words in refusal(tmp_path / "x.zip")


def test_a_folder_with_partitions(tmp_path: Path) -> None:
    """Rows count through all files; the folders' names are columns."""
    half = len(TEXT.splitlines()) // 2 + 1
    lines = TEXT.splitlines()
    for year, rows in ((2023, lines[1:half]), (2024, lines[half:])):
        (tmp_path / f"year={year}").mkdir()
        (tmp_path / f"year={year}" / "a.csv").write_text("\n".join([lines[0], *rows, "0.5,0.5,9"]))
    (tmp_path / "_SUCCESS").write_text("")
    for place in (tmp_path, tmp_path / "*" / "*.csv"):
        report = score_file(place)
        assert report.cross_entropy == pytest.approx(H, rel=1e-12)
        assert [bad.row for bad in report.first_bad] == [half - 1, 9]
    assert "label is 2023" in refusal(tmp_path, target="year").replace("year is", "label is")
    (tmp_path / "year=2024" / "b.csv").write_text("p0,p1\n0.5,0.5\n")
    assert "b.csv has no column 'label', as others have" in refusal(tmp_path)
    (tmp_path / "year=2024" / "b.csv").write_bytes(b"PAR1 and no more")
    assert "b.csv cannot be read" in refusal(tmp_path)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        buffer = io.BytesIO(gzip.compress(TEXT.encode()))

    monkeypatch.setattr(sys, "stdin", Pipe())
    assert score_file("-").cross_entropy == pytest.approx(H, rel=1e-12)


def test_the_truth_in_another_file(tmp_path: Path) -> None:
    ids = np.random.default_rng(1).permutation(8)
    rows = TEXT.splitlines()[1:]
    predictions = [f"{i},{','.join(rows[i].split(',')[:2])}" for i in ids]
    (tmp_path / "p.csv").write_text("\n".join(["id,p0,p1", *predictions]))
    labels = [int(row.split(",")[2]) for row in rows]
    pq.write_table(pa.table({"id": list(range(8)), "answer": labels}), tmp_path / "t.parquet")
    onehot = {"id": list(range(8)), "p0": [1 - y for y in labels], "p1": labels}
    pq.write_table(pa.table(onehot), tmp_path / "o.parquet")
    for truth in ("t.parquet", "o.parquet"):
        for batch_rows in (3, 100):
            wish = Wish(truth=tmp_path / truth, on="id")
            report = score_file(tmp_path / "p.csv", wish, batch_rows=batch_rows)
            assert report.cross_entropy == pytest.approx(H, rel=1e-12)
            assert report.events == 8
    said = {"truth": tmp_path / "t.parquet"}
    assert "both have a column 'id': add --on id" in refusal(tmp_path / "p.csv", **said)
    said["on"] = "id"
    for edit, sentence in (
        (predictions[:-1], f"1 ids of t.parquet are missing in p.csv, such as {ids[-1]}"),
        ([*predictions, predictions[0]], f"p.csv has ids more than once, such as {ids[0]}"),
        ([*predictions, "9,0.5,0.5"], "p.csv has ids that t.parquet has not, such as 9"),
    ):
        (tmp_path / "p.csv").write_text("\n".join(["id,p0,p1", *edit]))
        assert sentence in refusal(tmp_path / "p.csv", **said)
    assert "--on is the column of ids" in refusal(tmp_path / "p.csv", on="id")


def test_many_outcomes_in_another_file(tmp_path: Path) -> None:
    """A submission and its solution have the same column names."""
    draw = np.random.default_rng(3)
    y, q = draw.integers(0, 2, (30, 3)), np.round(draw.random((30, 3)), 3)
    for name, values in (("t", y), ("s", q)):
        lines = [",".join(map(str, [i, *row])) for i, row in enumerate(values.tolist())]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,toxic,obscene,threat", *lines]))
    report = score_file(tmp_path / "s.csv", Wish(truth=tmp_path / "t.csv", on="id"))
    expected = -np.where(y == 1, np.log(q), np.log1p(-q)).mean()
    assert report.cross_entropy == pytest.approx(expected, rel=1e-12)


def test_numpy_files(tmp_path: Path) -> None:
    q = np.array([[0.5, 0.5], [0.25, 0.75], [0.1, 0.9], [0.6, 0.4]])
    y = np.array([0, 1, 1, 0])
    expected = -np.log(q[range(4), y]).mean()
    np.save(tmp_path / "q.npy", q)
    np.save(tmp_path / "y.npy", y[:, None])
    report = score_file(tmp_path / "q.npy", Wish(truth=tmp_path / "y.npy"))
    assert report.cross_entropy == pytest.approx(expected)
    np.save(tmp_path / "f.npy", np.asfortranarray(q))
    report = score_file(tmp_path / "f.npy", Wish(truth=tmp_path / "y.npy"))
    assert report.cross_entropy == pytest.approx(expected)
    rows = np.zeros(4, [("label", "i4"), ("q", "f8", 2)])
    rows["label"], rows["q"] = y, q
    np.save(tmp_path / "r.npy", rows)
    assert score_file(tmp_path / "r.npy").cross_entropy == pytest.approx(expected)
    np.savez(tmp_path / "deep.npz", probs=q.reshape(2, 2, 2), label=y.reshape(2, 2))
    assert score_file(tmp_path / "deep.npz").cross_entropy == pytest.approx(expected)
    np.savez(
        tmp_path / "named.npz", probs=q, label=np.array(["b", "a", "a", "b"]), classes=["b", "a"]
    )
    assert score_file(tmp_path / "named.npz").cross_entropy == pytest.approx(expected)


def test_lists_of_every_type(tmp_path: Path) -> None:
    q = [[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]]
    types = [
        pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float64(), 2),
        pa.list_view(pa.float64()), pa.large_list_view(pa.float64()),
    ]  # fmt: skip
    for kind in types:
        table = pa.table({"q": pa.array(q, kind), "label": [0, 1, 1]})
        with pa.ipc.new_file(str(tmp_path / "x.arrow"), table.schema) as writer:
            writer.write_table(table)
        report = score_file(tmp_path / "x.arrow")
        assert report.cross_entropy == pytest.approx(-np.log([0.5, 0.75, 0.9]).mean(), rel=1e-6)


def test_a_class_called_na(tmp_path: Path) -> None:
    """A class where a column is called so, missing where none is."""
    lines = ["0.5,0.5,NA", "0.5,0.5,EU"] * 5
    for second, events in (("NA", 10), ("AS", 5)):
        (tmp_path / "x.csv").write_text("\n".join([f"p_EU,p_{second},label", *lines]))
        report = score_file(tmp_path / "x.csv")
        assert report.events == events
        if events == 5:
            assert report.first_bad[0].reason == "label is missing (NA)"
