"""Memory that does not grow with the rows, and what is imported when."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plogq.score import InputError, Wish, score_file

from ..forked import commands

# VmHWM is the peak of the process itself; ru_maxrss, on Linux, is inherited from the parent.
_PEAK = """
import resource, sys
from pathlib import Path
from plogq.score import score_file

def peak():
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return 1024 * int(next(l for l in lines if l.startswith("VmHWM")).split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

# Twice, as threads and their pools of memory come and go until all of them have been used.
score_file(sys.argv[1])
score_file(sys.argv[1])
before = peak()
score_file(sys.argv[2])
print(peak() - before)
raise SystemExit(0)
"""
_CLASSES = 10


def _parquet(path: Path, rows: int) -> int:
    column = np.full(rows, 1 / _CLASSES, np.float32)
    noise = np.random.default_rng(0).random(rows, np.float32) / 100
    names = [f"p{k}" for k in range(_CLASSES)]
    columns = [column + noise, column - noise, *[column] * (_CLASSES - 2)]
    table = pa.table([*columns, np.arange(rows) % _CLASSES], names=[*names, "label"])
    # Without a dictionary a column is as large in the file as in memory.
    pq.write_table(table, path, use_dictionary=False, compression="none", row_group_size=1 << 20)
    return table.nbytes


def _npz(path: Path, rows: int) -> int:
    probs, label = np.full((rows, _CLASSES), 1 / _CLASSES, np.float32), np.arange(rows) % _CLASSES
    np.savez_compressed(path, probs=probs, label=label)
    return probs.nbytes + label.nbytes


def _csv(path: Path, rows: int) -> int:
    line = "0.5,0.5,1\n"
    path.write_text("p0,p1,label\n" + line * rows)
    return len(line) * rows


def _arrow(path: Path, rows: int) -> int:
    probs = pa.FixedSizeListArray.from_arrays(
        pa.array(np.full(rows * _CLASSES, 1 / _CLASSES, np.float32)), _CLASSES
    )
    table = pa.table([probs, np.arange(rows) % _CLASSES], names=["probs", "label"])
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=100_000)
    return table.nbytes


def _wide(path: Path, rows: int) -> int:
    """Rows of 16,384 classes."""
    probs = np.full((rows, 1 << 14), 2.0**-14, np.float32)
    np.savez(path, probs=probs, label=np.arange(rows))
    return probs.nbytes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write", "few", "many"),
    [
        ("x.parquet", _parquet, 1_000_000, 2_300_000),
        ("x.arrows", _arrow, 500_000, 1_700_000),
        ("x.npz", _npz, 500_000, 1_700_000),
        ("x.csv", _csv, 3_000_000, 9_000_000),
        ("wide.npz", _wide, 500, 1400),
    ],
)
def test_more_rows_take_no_more_memory(
    tmp_path: Path, name: str, write: Callable[[Path, int], int], few: int, many: int
) -> None:
    """What the rows add to the data, 60 MB at least, they do not add to the peak: not half, as
    threads that run ahead by a little more or less make some noise."""
    files = [tmp_path / f"few_{name}", tmp_path / f"many_{name}"]
    added = write(files[1], many) - write(files[0], few)
    assert added > 55e6
    run = commands().run(*files, code=_PEAK)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < added / 2, f"{int(run.stdout):,} bytes more for {added:,} more of data"


_BOMB = """
import sys
from pathlib import Path
from plogq.score import InputError, score_file

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(l for l in lines if l.startswith("VmHWM")).split()[1])

try: score_file(sys.argv[1])
except InputError: pass
before = peak()
try: print(score_file(sys.argv[2]).events)
except InputError as error: print(error)
print(peak() - before)
raise SystemExit(0)
"""


def _zeros(member: str, header: bytes, count: int, path: Path) -> None:
    """An archive with a member of this header and so many bytes, a thousandth of them stored."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("p0", "p1", "label"):
            with archive.open(f"{name}.npy", "w") as stream:
                np.save(stream, np.array([0.5, 0.5] if name != "label" else [0, 1]))
        with archive.open(f"{member}.npy", "w", force_zip64=True) as stream:
            stream.write(header)
            for _ in range(count >> 20):
                stream.write(bytes(1 << 20))


def _header(shape: tuple[int, ...], dtype: str) -> bytes:
    out = io.BytesIO()
    layout = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype))}
    np.lib.format.write_array_header_2_0(out, layout | {"fortran_order": False, "shape": shape})
    return out.getvalue()


def _long_lists(path: Path) -> None:
    """A Parquet file of some kilobytes, whose rows are of 4 million zeros each."""
    rows, width = 32, 1 << 22
    zeros = pa.ListArray.from_arrays(
        pa.array(np.arange(rows + 1, dtype=np.int32) * width),
        pa.array(np.zeros(rows * width, np.float16)),
    )
    columns = {"p0": [0.5] * rows, "p1": [0.5] * rows, "label": [0, 1] * (rows // 2)}
    pq.write_table(pa.table(columns | {"zeros": zeros}), path)


_MEGA = 1 << 20
BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a header": (
        partial(_zeros, "z", b"\x93NUMPY\2\0" + struct.pack("<I", 240 * _MEGA), 240 * _MEGA),
        "z.npy is not a NumPy array: its header takes 251,658,240 bytes",
    ),
    "a row of 30 million zeros": (
        partial(_zeros, "z", _header((1, 30 * _MEGA), "<f8"), 240 * _MEGA), "2"
    ),
    "rows of a million zeros": (
        partial(_zeros, "z", _header((240, _MEGA), "|u1"), 240 * _MEGA), "different lengths"
    ),
    "texts of 240 MB": (partial(_zeros, "z", _header((1,), f"<U{60 * _MEGA}"), 240 * _MEGA), "2"),
    "texts of 40 kB": (
        partial(_zeros, "z", _header((6_000,), "<U10240"), 240 * _MEGA), "different lengths"
    ),
    "long lists": (_long_lists, "32"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize("case", BOMBS)
def test_what_is_small_in_the_file_stays_small(tmp_path: Path, case: str) -> None:
    """Zeros are compressed to a thousandth; they are read in blocks, or not at all."""
    write, says = BOMBS[case]
    bomb, plain = tmp_path / "bomb", tmp_path / "plain.npz"
    write(bomb)
    assert bomb.stat().st_size < 4 * _MEGA
    np.savez(plain, p0=[0.5, 0.5], p1=[0.5, 0.5], label=[0, 1])
    run = commands().run(plain, bomb, code=_BOMB)
    assert run.returncode == 0, run.stderr
    *said, more = run.stdout.splitlines()
    assert int(more) < 150 * _MEGA
    assert says in said[0]


def test_more_classes_than_can_be_reported(tmp_path: Path) -> None:
    """Whether they were asked for or found: before they are read."""
    _zeros("z", _header((2, 40 * _MEGA), "<f4"), 0, tmp_path / "cut.npz")
    with pytest.raises(InputError, match=r"z\.npy is cut short: it has 0 bytes"):
        score_file(tmp_path / "cut.npz")
    _zeros("z", _header((2, 2 * _MEGA), "|u1"), 4 * _MEGA, tmp_path / "wide.npz")
    _long_lists(tmp_path / "long.parquet")
    for name, column, width in (
        ("wide.npz", "z", 2 * _MEGA),
        ("long.parquet", "zeros", 4 * _MEGA),
    ):
        path = tmp_path / name
        assert score_file(path).events in (2, 32)
        says = f"'{column}' holds {width:,} values a row: at most 1,048,576 classes can be scored"
        for wish in (Wish(prediction=column, content="probs"), Wish(prediction=column)):
            with pytest.raises(InputError, match=re.escape(says)):
                score_file(path, wish)
    with zipfile.ZipFile(tmp_path / "only.npz", "w") as archive:
        archive.writestr("label.npy", _header((2,), "|u1") + b"\0\1")
        archive.writestr("z.npy", _header((2, 2 * _MEGA), "|u1") + bytes(4 * _MEGA))
    with pytest.raises(InputError, match="'z' holds 2,097,152 values a row"):
        score_file(tmp_path / "only.npz")


def test_scoring_needs_no_terminal_library() -> None:
    code = "import sys, plogq.score; print('rich' in sys.modules, 'typer' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
