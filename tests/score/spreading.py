"""Files in pieces for the tests of workers, and jobs that go wrong in a worker."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from plogq.score.fragments import Piece
from plogq.score.spread import Job

FILES, ROWS = 6, 80


def folder_of_files(folder: Path) -> Path:
    """Some Parquet files of predictions, a column of them the name of their folder."""
    draw = np.random.default_rng(5)
    for k in range(FILES):
        q = draw.dirichlet(np.ones(3), ROWS)
        q[7] *= 2
        table = {f"p{i}": q[:, i] for i in range(3)} | {"label": draw.integers(0, 3, ROWS)}
        path = folder / f"part={k}" / "rows.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table(table), path)
    return folder


def exact(report: Any) -> str:
    """A report, all digits of it."""
    return repr(report.to_dict())


@dataclass(frozen=True)
class Dying:
    """A job whose process is killed while it scores a piece, once, or always."""

    job: Job
    mark: Path
    always: bool = False

    def __call__(self, piece: Piece) -> Any:
        if piece.fragment == 2 and (self.always or not self.mark.exists()):
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.job(piece)


@dataclass(frozen=True)
class Sleeping:
    """A job that does not end, but for the first piece."""

    job: Job

    def __call__(self, piece: Piece) -> Any:
        if piece.fragment:
            time.sleep(600)
        return self.job(piece)
