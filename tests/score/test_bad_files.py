"""Files that cannot be read: for every format and every fault one sentence and exit code 2."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plogq import cli
from plogq.score import InputError, Wish, score_file

from .conftest import FORMATS

ROWS = 40
GOOD: dict[str, Any] = {
    "p0": [0.5] * ROWS, "p1": [0.5] * ROWS, "label": [0, 1] * (ROWS // 2),
}  # fmt: skip
LISTS = pa.list_(pa.float64())


@pytest.fixture
def plogq(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The command as a shell would start it: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["plogq", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


Command = Callable[..., tuple[int, str, str]]


def refused(plogq: Command, path: Path, *options: object) -> str:
    code, out, err = plogq("score", path, *options)
    assert (code, out) == (2, ""), err
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("plogq score: ")
    assert "bug" not in lines[0]
    return lines[0].removeprefix("plogq score: ")


def csv(text: str | bytes, name: str = "x.csv") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return folder / name

    return write


def table(columns: dict[str, Any], form: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        FORMATS[form][1](folder / FORMATS[form][0], columns)
        return folder / FORMATS[form][0]

    return write


def twice(form: str, name: str) -> Callable[[Path], Path]:
    """Two columns of one name."""
    columns = [pa.array(v) for v in GOOD.values()]
    names = list(GOOD)
    doubled = pa.Table.from_arrays([*columns, columns[names.index(name)]], [*names, name])

    def write(folder: Path) -> Path:
        path = folder / FORMATS[form][0]
        if form == "parquet":
            pq.write_table(doubled, path)
        elif form == "npz":
            np.savez(path, **GOOD)
            with (
                zipfile.ZipFile(path, "a") as archive,
                pytest.warns(UserWarning, match="Duplicate"),
            ):
                archive.writestr(f"{name}.npy", archive.read(f"{name}.npy"))
        else:
            new = pa.ipc.new_file if form == "arrow file" else pa.ipc.new_stream
            with new(str(path), doubled.schema) as writer:
                writer.write_table(doubled)
        return path

    return write


def npz(change: Callable[[bytes], bytes], name: str = "p0.npy", **given: Any) -> Any:
    """An archive of the good columns, with one member's bytes changed before they are stored."""

    def write(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "x.npz", "w") as archive:
            for column, values in (GOOD | given).items():
                out = io.BytesIO()
                np.save(out, np.asarray(values))
                data = out.getvalue()
                archive.writestr(f"{column}.npy", change(data) if name == f"{column}.npy" else data)
        return folder / "x.npz"

    return write


def header(text: str, version: int = 1) -> Callable[[bytes], bytes]:
    form = "<H" if version == 1 else "<I"
    return lambda _: (
        b"\x93NUMPY" + bytes([version, 0]) + struct.pack(form, len(text)) + text.encode()
    )


def directory(offset: int, value: int, size: int = 2) -> Callable[[Path], Path]:
    """An archive whose members' headers say something else, in both places where they stand."""

    def write(folder: Path) -> Path:
        path = table(GOOD, "npz")(folder)
        data = bytearray(path.read_bytes())
        for mark, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
            for found in re.finditer(re.escape(mark), bytes(data)):
                at = found.start() + offset + shift
                data[at : at + size] = value.to_bytes(size, "little")
        path.write_bytes(data)
        return path

    return write


SHAPE = "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }"

CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    # Text.
    "empty": (csv(""), "x.csv is empty"),
    "blank lines": (csv("\n\r\n\n"), "x.csv is empty"),
    "no rows": (csv("p0,p1,label\n"), "the file has no rows"),
    "JSON": (csv('{"p0": 0.5,\n "p1": 0.5}\n', "x.json"), "x.json is plain JSON, one object over"),
    "JSON as text": (csv('[{"p0": 0.5}]', "x.txt"), "x.txt is plain JSON, one array that fills"),
    "JSON lines cut": (csv('{"p0": 0.5, "p1": 0.5, "label"', "x.jsonl"), "x.jsonl is plain JSON"),
    "prose": (csv("It was the best of times,\nit was the worst\n", "x.txt"), "row 0: has 1 fields"),
    "prose without commas": (csv("Call me\nIshmael.\nSome\n", "x.txt"), "no column looks like"),
    "ragged rows": (
        csv("p0,p1,label\n0.5,0.5\n0.5,0.5,1,2\n"),
        "none of the 2 rows can be scored; row 0: has 2 fields instead of 3",
    ),
    "an unclosed quote": (
        csv('p0,p1,label\n0.5,0.5,1\n0.5,"0.5,1\n' + "0.5,0.5,0\n" * 50),
        "x.csv, row 1: a quote is opened and never closed",
    ),
    "an unclosed quote among quotes": (
        csv('p0,p1,n\n0.5,0.5,a"b\n"0.5","0.5","c""d\ne"\n0.5,0.5,"x\n1,2,3\n'),
        "x.csv, row 2: a quote is opened and never closed",
    ),
    "columns without end": (
        csv("p," * 1_000_000 + "label\n"),
        "x.csv has 1,000,001 columns, and up to 262,144 are read",
    ),
    "an unclosed quote in the header": (
        csv('p0,"p1,label\n0.5,0.5,1\n'), "a quote is opened in the first line and never closed"
    ),
    "a header of megabytes": (
        csv(b"p0," + b"x" * (33 << 20) + b"\n1,2\n"), "the first line of x.csv goes on for more"
    ),
    "a row of megabytes": (
        csv(b'p0,p1\n0.5,0.5\n0.5,"' + b"x" * (80 << 20)),
        "x.csv, row 1: a quoted field goes on for more than 64 MB",
    ),
    "zero bytes": (csv(b"p0,p1\0,label\n1,2,3\n"), "x.csv is no text: there are zero bytes"),
    "columns twice": (csv("p0,p1,p1,y\n"), "x.csv has two columns named 'p1': rename one of them"),
    "columns twice, unused": (
        csv("p0,p1,note,note,y\n0.5,0.5,a,b,1\n"), "x.csv has two columns named 'note': rename"
    ),
    "cut gzip": (
        csv(gzip.compress(b"p0,p1,label\n" + os.urandom(9999))[:5000], "x.csv.gz"),
        "x.csv.gz cannot be read: ",
    ),
    "no bzip2": (csv(b"BZh9 and no more", "x.csv.bz2"), "x.csv.bz2 cannot be read: "),
    "cut bzip2": (csv(bz2.compress(b"p0,p1\n" * 9999)[:40], "x.csv.bz2"), "x.csv.bz2 cannot be re"),
    "no zstd": (csv(b"\x28\xb5\x2f\xfdno", "x.csv.zst"), "x.csv.zst cannot be read: "),
    "no xz": (csv(b"\xfd7zXZ\0no", "x.csv.xz"), "x.csv.xz cannot be read: "),
    "bytes": (csv(b"\0\1\2\3", "x.bin"), "none of CSV, JSON lines, Parquet, Arrow"),
    # Parquet and Arrow.
    "Parquet cut": (csv(b"PAR1 and no more", "x.parquet"), "x.parquet cannot be read: Parquet"),
    "Arrow cut": (csv(b"ARROW1\0\0 and no more", "x.arrow"), "x.arrow cannot be read: "),
    "stream cut": (csv(b"\xff\xff\xff\xff and no more", "x.arrows"), "x.arrows cannot be read: "),
    **{
        f"{form} {name} twice": (twice(form, name), f"has two columns named '{name}': rename one")
        for form in ("parquet", "arrow file", "arrow stream", "npz")
        for name in ("p1", "label")
    },
    **{
        f"{form} {what}": (table({"q": pa.array(rows, LISTS), "y": [0] * len(rows)}, form), says)
        for form in ("parquet", "arrow file", "arrow stream")
        for what, rows, says in (
            ("missing lists", [None] * 90, "'q' holds no values in the first "),
            ("empty lists", [[]] * 3, "'q' holds no values: there is nothing to score"),
            ("no rows", [], "the file has no rows"),
        )
    },
    "no columns": (table({"t": pa.array([], pa.time32("s"))}, "parquet"), "no column of numbers"),
    # NPZ.
    "NPZ cut": (csv(b"PK\x03\x04 and no more", "x.npz"), "x.npz cannot be read: BadZipFile: "),
    "NPZ encrypted": (directory(6, 1), "p0.npy is encrypted: save the arrays with numpy.savez"),
    "NPZ of an unknown method": (
        directory(8, 99), r"p0.npy is compressed in a way that Python does not know (method 99)"
    ),
    "NPZ with a wrong checksum": (directory(14, 5, 4), "Bad CRC-32 for file 'p0.npy'"),
    "NPZ of text": (npz(lambda _: b"so much for that"), "p0.npy is not a NumPy array: the magic"),
    "NPZ of nothing": (npz(lambda _: b""), "p0.npy is not a NumPy array: "),
    "NPZ, header cut": (npz(lambda data: data[:40]), "p0.npy is not a NumPy array: its header"),
    "NPZ, header of 3 GB": (
        npz(lambda _: b"\x93NUMPY\x02\0" + struct.pack("<I", 3 << 30) + b" " * 99),
        "p0.npy is not a NumPy array: its header takes 3,221,225,472 bytes",
    ),
    "NPZ, header no Python": (npz(header("{(")), "p0.npy is not a NumPy array: "),
    "NPZ, header too deep": (npz(header("(" * 9000)), "p0.npy is not a NumPy array: "),
    "NPZ, header of other bytes": (
        npz(lambda _: b"\x93NUMPY\x03\0" + struct.pack("<I", 4) + b"\xff" * 4), "p0.npy is not a"
    ),
    "NPZ, header a number": (npz(header("5")), "p0.npy is not a NumPy array: "),
    "NPZ, no dtype": (npz(header(SHAPE.replace("<f8", "?!") % "(3,)")), "p0.npy is not a NumPy"),
    "NPZ, negative shape": (npz(header(SHAPE % "(-1,)")), "p0.npy is not a NumPy array: its sh"),
    "NPZ, shape of truth values": (npz(header(SHAPE % "(True,)")), "p0.npy is not a NumPy arr"),
    "NPZ, shape of another world": (
        npz(header(SHAPE % "(10**30, 10**30)")), "p0.npy is not a NumPy array: "
    ),
    "NPZ, large shape": (npz(header(SHAPE % f"({'9' * 30},)")), "p0.npy is cut short: it has 0"),
    "NPZ, short": (npz(lambda data: data[:-8]), "p0.npy is cut short: it has 312 bytes"),
    "NPZ, lengths": (npz(lambda data: data, label=[0, 1]), "arrays that belong together have"),
    "NPZ, only scalars": (npz(lambda data: data, p0=1, p1=2, label=3), "no column of numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_cannot_be_read(plogq: Command, tmp_path: Path, case: str) -> None:
    write, sentence = CASES[case]
    assert sentence in refused(plogq, write(tmp_path))


def test_files_of_any_name(plogq: Command, tmp_path: Path, form: str) -> None:
    """Names that are no UTF-8, or that a terminal would obey."""
    for name in (b"caf\xe9", b"a\x1b[2J", b"[red]:smile:[b]", "–é".encode()):
        written = table(GOOD, form)(tmp_path)
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name + written.suffix.encode()))
        written.rename(path)
        assert score_file(path).events == ROWS
        code, out, err = plogq("score", path)
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        path.unlink()
        assert "there is no file" in refused(plogq, path)


def test_a_file_that_is_cut_short(plogq: Command, tmp_path: Path, form: str) -> None:
    """At any place: a report, or a sentence with the file's name or the member's."""
    whole = table(GOOD, form)(tmp_path)
    data = whole.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 15)):
        whole.write_bytes(data[:size])
        code, out, err = plogq("score", whole)
        assert code in (0, 2)
        assert (out == "") is bool(code)
        assert len(err.splitlines()) == bool(code)
        assert "bug" not in err


@pytest.mark.parametrize("layout", [*FORMATS, "npz by columns"])
def test_a_file_that_is_cut_short_while_it_is_read(tmp_path: Path, layout: str) -> None:
    """A memory map of it would end the process with SIGBUS."""
    rows = 20_000
    half = [0.5] * rows
    columns: dict[str, Any] = {"p0": half, "p1": half, "label": [0, 1] * (rows // 2)}
    path = tmp_path / "by_columns.npz"
    if layout == "npz by columns":
        wide = np.full((rows, 100), 0.01, order="F")
        np.savez(path, probs=wide, label=np.arange(rows) % 2)
    else:
        path = tmp_path / FORMATS[layout][0]
        FORMATS[layout][1](path, columns)
    size = path.stat().st_size
    cut: list[float] = []

    def progress(done: float) -> None:
        if not cut:
            os.truncate(path, size // 2)
        cut.append(done)

    why = ""
    try:
        # A small file may have been taken in already.
        assert score_file(path, batch_rows=500, progress=progress).events <= rows
    except InputError as error:
        why = str(error)
    assert cut
    assert not why or "cannot be read" in why or "cut short" in why


def test_a_directory_and_nothing(plogq: Command, tmp_path: Path) -> None:
    assert "holds no file" in refused(plogq, tmp_path)
    assert "there is no file" in refused(plogq, tmp_path / "x.csv")
    assert "cannot be read: File name too long" in refused(plogq, tmp_path / ("x" * 300))
    with pytest.raises(InputError, match=r"embedded null byte|no file"):
        score_file(tmp_path / "a\0b")


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs Linux' /proc")
def test_files_of_size_0_that_hold_something(plogq: Command) -> None:
    for path in ("/proc/cpuinfo", "/proc/self/status", "/proc/self/mem", "/proc/self/environ"):
        refused(plogq, Path(path))


def test_a_file_without_permission(
    plogq: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs this, root too."""
    path = table(GOOD, "csv")(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("plogq.score.read.Path.open", refuse)
    assert "data.csv cannot be read: Permission denied" in refused(plogq, path)


@pytest.mark.parametrize("option", ["--first-label", "--ignore"])
@pytest.mark.parametrize("value", [2**63, 2**64, -(2**63) - 1, 10**30])
def test_labels_beyond_64_bits(
    plogq: Command, tmp_path: Path, form: str, option: str, value: int
) -> None:
    path = table(GOOD, form)(tmp_path)
    if option == "--ignore" and value == 2**63:
        assert plogq("score", path, option, value)[0] == 0
    else:
        assert f"{option} must be a label" in refused(plogq, path, option, value)
    key = option.removeprefix("--").replace("-", "_")
    with pytest.raises(InputError, match=f"{option} must be a label"):
        score_file(path, Wish(**{key: 10**5000}))


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint64, np.int64, np.float16])
def test_labels_at_the_end_of_64_bits(write: Any, kind: Any) -> None:
    """None of them wraps round to a class."""
    top = {np.uint64: 2**64 - 1, np.int64: 2**63 - 1}.get(kind, float(np.finfo(np.float16).max))
    if kind in (np.float64, np.float32):
        top = 2.0**63
    labels = np.array([0] * 39 + [1], kind)
    labels[38] = top
    for first in (None, -(2**63), 2**63 - 2):
        data = GOOD | {"label": labels}
        if first is None:
            assert score_file(write(data)).bad_rows == 1
        elif kind is np.int64 and first > 0:
            assert score_file(write(data), Wish(first_label=first)).events == 1
        else:
            with pytest.raises(InputError, match="none of the 40 rows can be scored"):
                score_file(write(data), Wish(first_label=first))


def test_column_numbers_of_thousands_of_digits(plogq: Command, write: Any, form: str) -> None:
    digits = "1" * 5000
    if form.startswith("npz"):
        digits = digits[:200]
    columns = {f"p{digits}0": GOOD["p0"], f"p{digits}1": GOOD["p1"], "label": GOOD["label"]}
    assert score_file(write(columns, form)).events == ROWS
    path = write({f"a{'1' * 50}": ["x"] * ROWS, f"{'2' * 90}": ["x"] * ROWS}, form)
    assert "no column looks like a prediction" in refused(plogq, path)


def test_lists_that_are_missing_at_first_or_not_used(tmp_path: Path) -> None:
    """Lists that nobody asked for may be as they are."""
    for rows in ([None] * ROWS, [[]] * ROWS, [None, [1.0, None]] * (ROWS // 2)):
        columns = GOOD | {"seen": pa.array(rows, LISTS)}
        for form in ("parquet", "arrow file", "arrow stream"):
            path = table(columns, form)(tmp_path)
            wish = Wish(prediction="p*", content="probs", target="label")
            assert score_file(path, wish).events == ROWS


def test_lists_of_every_kind_in_parquet(tmp_path: Path) -> None:
    """The first row is looked at apart, and may be missing or empty."""
    flat = pa.array([0.5] * 8, pa.float32())
    fixed = pa.FixedSizeListArray.from_arrays(flat, 2)
    tensor = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), [2]), fixed)
    rows: list[Any] = [[0.5, 0.5]] * 3
    for lists, bad in (
        (fixed, 0),
        (tensor, 0),
        (pa.array([None, *rows]), 1),
        (pa.array([[], *rows]), 1),
    ):
        pq.write_table(pa.table({"q": lists, "label": [0, 1, 0, 1]}), tmp_path / "x.parquet")
        report = score_file(tmp_path / "x.parquet")
        assert (report.events, report.bad_rows) == (4 - bad, bad)


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    """In a column that is used the row is bad, elsewhere it is nobody's business."""
    good = "0.5,0.5,a,café".encode()
    lines = [b"p_a,p_b,label,note", *[good] * 8, b"0.5,0.5,a,caf\xe9", b"0.5,0.5,\xe9,x"]
    report = score_file(csv(b"\n".join(lines))(tmp_path))
    assert [(bad.row, bad.reason) for bad in report.first_bad] == [(9, "label is not UTF-8 text")]
    labels = np.array(["a", "b", "a"])
    labels.view(np.uint32)[1] = 0x110000
    labels.view(np.uint32)[2] = 0xD800
    np.savez(tmp_path / "x.npz", p_a=[0.5] * 3, p_b=[0.5] * 3, label=labels)
    report = score_file(tmp_path / "x.npz")
    assert [(bad.row, bad.reason) for bad in report.first_bad] == [
        (1, "label is no text"), (2, "label is no text")
    ]  # fmt: skip


def test_truth_values_of_any_byte(tmp_path: Path) -> None:
    yes = np.array([0, 1, 255, 2], np.uint8).view(bool)
    np.savez(tmp_path / "x.npz", q=[0.5] * 4, y=yes)
    assert [c.count for c in score_file(tmp_path / "x.npz").classes] == [1, 3]


def test_a_line_ends_with_any_mark(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        text = end.join(["p0,p1,label", *["0.5,0.5,1", "0.25,0.75,0"] * 20])
        for last in ("", end):
            report = score_file(csv(text + last)(tmp_path))
            assert (report.row_count, report.events) == (40, 40)


def test_long_fields(tmp_path: Path) -> None:
    """Longer than a block too, quoted and not, with line ends in them."""
    long = "x" * (3 << 20)
    rows = f'0.5,0.5,1,{long}\n0.5,0.5,0,"{long}\n""{long}"\n0.5,0.5,7,\n'
    text = f"p0,p1,label,note{long[:200_000]}\n{rows}"
    report = score_file(csv(text)(tmp_path))
    assert (report.events, report.first_bad[0].row) == (2, 2)


def test_quotes_are_read_as_csv_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in them, and wherever a block ends."""
    fields = ['"a\nb"', "a", 'b"a', 'a"', '"a"",b"', '"""\n""a"', '""', '"a\r\n,"', 'a"b"']
    for size in (16, 37, 64, 1 << 20):
        monkeypatch.setattr("plogq.score.text._BLOCK", size)
        monkeypatch.setattr("plogq.score.text._HEADERS", 1)
        for shift in range(4):
            lines = ["p0,p1,label,note"]
            for i in range(60):
                field = fields[(i + shift) % len(fields)] if i >= shift else "plain"
                lines.append(f"0.5,0.5,{i if i % 7 == 6 else i % 2},{field}")
            report = score_file(csv("\n".join(lines))(tmp_path), worst=0)
            assert report.row_count == 60
            assert [bad.row for bad in report.first_bad] == list(range(6, 60, 7))


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    lines = ["p0,p1,label", *["0.5,0.5,1", "0.5,0.5"] * 60_000]
    report = score_file(csv("\n".join(lines))(tmp_path))
    assert (report.row_count, report.bad_rows) == (120_000, 60_000)
    assert [bad.row for bad in report.first_bad] == list(range(1, 20, 2))
