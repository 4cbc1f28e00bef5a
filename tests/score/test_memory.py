"""Memory that does not grow with the rows, and what is imported when."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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
    """Compressed, as batches that are not would be read in place."""
    probs = pa.FixedSizeListArray.from_arrays(
        pa.array(np.full(rows * _CLASSES, 1 / _CLASSES, np.float32)), _CLASSES
    )
    table = pa.table([probs, np.arange(rows) % _CLASSES], names=["probs", "label"])
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=100_000)
    return table.nbytes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write", "few", "many"),
    [
        ("x.parquet", _parquet, 1_000_000, 4_000_000),
        ("x.arrows", _arrow, 500_000, 2_000_000),
        ("x.npz", _npz, 500_000, 2_000_000),
        ("x.csv", _csv, 4_000_000, 14_000_000),
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
    run = subprocess.run(
        [sys.executable, "-c", _PEAK, *files], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < added / 2, f"{int(run.stdout):,} bytes more for {added:,} more of data"


def test_scoring_needs_no_terminal_library() -> None:
    code = "import sys, plogq.score; print('rich' in sys.modules, 'typer' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
