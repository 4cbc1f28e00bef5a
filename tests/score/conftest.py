"""Files of predictions in every format that `plogq score` reads."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer.main

Write = Callable[..., Path]


def _csv(path: Path, columns: dict[str, Any]) -> None:
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            lines.writerow("" if v is None else repr(v) if isinstance(v, float) else v for v in row)


def _npz(path: Path, columns: dict[str, Any]) -> None:
    np.savez(path, **{k: np.asarray(v) for k, v in columns.items()})


def _npz_small(path: Path, columns: dict[str, Any]) -> None:
    np.savez_compressed(path, **{k: np.asarray(v) for k, v in columns.items()})


def _parquet(path: Path, columns: dict[str, Any]) -> None:
    pq.write_table(pa.table(columns), path, row_group_size=7)


def _arrow_file(path: Path, columns: dict[str, Any]) -> None:
    table = pa.table(columns)
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=5)


def _arrow_stream(path: Path, columns: dict[str, Any]) -> None:
    table = pa.table(columns)
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=5)


FORMATS: dict[str, tuple[str, Callable[[Path, dict[str, Any]], None]]] = {
    "csv": ("data.csv", _csv),
    "parquet": ("data.parquet", _parquet),
    "arrow file": ("data.arrow", _arrow_file),
    "arrow stream": ("data.arrows", _arrow_stream),
    "npz": ("data.npz", _npz),
    "npz compressed": ("small.npz", _npz_small),
}


@pytest.fixture(autouse=True, scope="session")
def commands_once() -> Iterator[None]:
    """typer puts the commands together anew for each call, which is a third of what one takes."""
    with patch.object(typer.main, "get_command", cache(typer.main.get_command)):
        yield


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    """Each format in turn."""
    return str(request.param)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write columns to a file of a format (Parquet unless said) and return its path."""

    def write(columns: dict[str, Any], form: str = "parquet") -> Path:
        name, writer = FORMATS[form]
        writer(tmp_path / name, columns)
        return tmp_path / name

    return write
