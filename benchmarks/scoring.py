"""Scoring with all that can be asked, from other formats, and beside the peers' own functions."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .case import OURS, Case, Contender, Run, Work
from .files import CLASSES, FULL, NEEDS, QUICK, clean, parquet, stream
from .targets import Error, Faster, Holds, Within

Job = Callable[[int], Run]

_COPIES = 3


def _columns(path: Path) -> tuple[Any, Any]:
    """Probabilities and labels, as the peers take them."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    q = np.stack([table[f"p{k}"].to_numpy() for k in range(CLASSES)], axis=1)
    return q, table["label"].to_numpy()


def _text(rows: int, ending: str) -> Path:
    """The same rows as CSV, or as JSON lines with six digits."""
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    source = parquet(rows)
    path = source.with_suffix(ending)
    if path.exists():
        return path
    with pq.ParquetFile(source) as file, path.open("wb") as out:
        for number, batch in enumerate(file.iter_batches(batch_size=1 << 16)):
            if ending == ".csv":
                options = pacsv.WriteOptions(include_header=not number)
                pacsv.write_csv(batch, out, options)
                continue
            names = batch.schema.names
            line = "{" + ", ".join(f'"{name}": %.6g' for name in names) + "}\n"
            parts = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            out.write("".join(line % row for row in parts).encode())
    return path


def _scored(path: Path, **wish: Any) -> Run:
    from plogq.score import Wish, score_file

    return lambda: score_file(path, Wish(**wish))


def _copies(rows: int) -> Path:
    """A folder that holds the same rows as several files, so that processes have enough to do for
    their start to be no part of it."""
    path = parquet(rows)
    folder = path.with_suffix(".copies")
    folder.mkdir(exist_ok=True)
    for k in range(_COPIES):
        copy = folder / f"{k}.parquet"
        if not copy.exists():
            os.link(path, copy)
    return folder


def _spread(workers: int, rows: int) -> Run:
    """By so many processes on as many processors: one alone reads by a thread of its own, and so
    would take two."""
    from plogq.score import Wish, score_spread

    path = _copies(rows)

    def run() -> Any:
        every = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(every)[:workers])
        try:
            return score_spread(path, Wish(calibration=True, by="label"), workers=workers)
        finally:
            os.sched_setaffinity(0, every)

    return run


def _page(rows: int) -> Callable[[], str]:
    """What `plogq report` makes of a file."""
    from plogq.score import Wish, score_file

    path = parquet(rows)
    return lambda: score_file(path, Wish(pictures=True, by="label"), worst=100).to_html()


def _page_size(rows: int) -> int:
    return len(_page(rows)().encode())


def _miscalibration(rows: int) -> Callable[[], float]:
    """Of every class against all others, as isotonic regression takes it away; their sum."""
    from plogq.score import Wish, score_file

    path = parquet(rows)
    wish = Wish(calibration=True)
    return lambda: sum(line.miscalibration for line in score_file(path, wish).classes)


def _decompose(rows: int) -> Callable[[], float]:
    from model_diagnostics.scoring import LogLoss, decompose

    path = parquet(rows)

    def run() -> float:
        q, y = _columns(path)
        found: list[float] = []
        for k in range(CLASSES):
            yes, said = (y == k).astype(np.float64), q[:, k].astype(np.float64)
            table = decompose(yes, said, scoring_function=LogLoss())
            found.append(table["miscalibration"].item())
        return sum(found)

    return run


def _csv_read(rows: int) -> Run:
    import pyarrow.csv as pacsv

    path = _text(rows, ".csv")

    def run() -> None:
        with pacsv.open_csv(path) as reader:
            for _ in reader:
                pass

    return run


def _json_read(rows: int) -> Run:
    import pyarrow.json as pajson

    path = _text(rows, ".jsonl")
    return lambda: (pajson.read_json(path), None)[1]


def _log_loss(rows: int) -> Run:
    from sklearn.metrics import log_loss

    path = parquet(rows)

    def run() -> float:
        q, y = _columns(path)
        return log_loss(y, q)

    return run


def _calibration_curves(rows: int) -> Run:
    from sklearn.calibration import calibration_curve

    path = parquet(rows)

    def run() -> None:
        q, y = _columns(path)
        for k in range(CLASSES):
            calibration_curve(y == k, q[:, k], n_bins=15)

    return run


def _classification_report(rows: int) -> Run:
    from sklearn.metrics import classification_report

    path = parquet(rows)

    def run() -> None:
        q, y = _columns(path)
        classification_report(y, q.argmax(axis=1), output_dict=True)

    return run


def _torchmetrics(rows: int) -> Run:
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    path = parquet(rows)

    def run() -> None:
        q, y = map(torch.from_numpy, _columns(path))
        torch.nn.functional.nll_loss(q.log(), y.long())
        multiclass_calibration_error(q, y, CLASSES, n_bins=15)

    return run


def _cleanlab(rows: int) -> Run:
    from cleanlab.filter import find_label_issues

    path = parquet(rows)

    def run() -> None:
        q, y = _columns(path)
        find_label_issues(y, q, n_jobs=1)

    return run


def _contender(name: str, title: str, job: Job, rows: int, *needs: str) -> Contender:
    few = min(rows, 2_000)
    # Readers keep buffers, so memory is that of a first call after one on a small file.
    return Contender(
        name, title, partial(job, rows), (*NEEDS, *needs), elements=rows * CLASSES,
        warm=lambda: job(few)(),
    )  # fmt: skip


def _work(*parts: tuple[str, str, Job, int, tuple[str, ...]]) -> Callable[[bool], Work]:
    """Contenders by name, title, job, and the part of the full rows that they are given."""

    def work(quick: bool) -> Work:
        rows = QUICK if quick else FULL
        made = tuple(
            _contender(n, t, job, rows // part, *needs) for n, t, job, part, needs in parts
        )
        return Work(made, elements=made[0].elements or rows, close=clean)

    return work


def _all(rows: int) -> Run:
    return _scored(parquet(rows), calibration=True, by="label")


def _workers(quick: bool) -> Work:
    rows = QUICK if quick else FULL
    elements = _COPIES * rows * CLASSES
    made = tuple(
        replace(_contender(name, title, partial(_spread, count), rows, "scipy"), elements=elements)
        for name, title, count in ((OURS, "two workers", 2), ("one", "one worker", 1))
    )
    return Work(made, elements=elements, close=clean)


def _report(quick: bool) -> Work:
    rows = QUICK if quick else FULL
    needs = ("scipy", "jinja2", "matplotlib")
    page = _contender("page", "its page, as memory", _page, rows // 10, *needs)
    made = (
        _contender(OURS, "plogq report", _page, rows, *needs),
        _contender("score", _ALL, _all, rows, "scipy"),
        replace(page, memory=lambda: _page_size(rows // 10)),
    )
    return Work(made, elements=rows * CLASSES, close=clean)


def _diagnostics(_: bool) -> Work:
    needs = ("model_diagnostics",)
    made = (
        _contender(OURS, "plogq score with calibration", _miscalibration, _SAMPLE, "scipy"),
        _contender("decompose", "model-diagnostics decompose, a class each", _decompose,
                   _SAMPLE, *needs),
    )  # fmt: skip
    return Work(
        made, elements=_SAMPLE * CLASSES, reference=lambda: _decompose(_SAMPLE)(), close=clean
    )


# So many events of ten classes are all in the sample to which calibration is fitted.
_SAMPLE = 1 << 14
_SKLEARN, _ALL = ("sklearn",), "plogq score with calibration and slices"
CASES = (
    Case(
        "score-all",
        f"{_ALL}, Parquet of 10 million rows × 10",
        _work(
            (OURS, _ALL, _all, 1, ("scipy",)),
            ("stream", "pyarrow merely reading it, in batches", stream, 1, ()),
        ),
        (Within("stream", 2.0),),
    ),
    Case(
        "score-csv",
        "`plogq score`, CSV of a million rows × 10",
        _work(
            (OURS, "plogq score", lambda rows: _scored(_text(rows, ".csv")), 10, ()),
            ("read", "pyarrow merely reading it, in batches", _csv_read, 10, ()),
        ),
        (Within("read", 1.2),),
    ),
    Case(
        "score-jsonl",
        "`plogq score`, JSON lines, a million rows × 10",
        _work(
            (OURS, "plogq score", lambda rows: _scored(_text(rows, ".jsonl")), 10, ()),
            ("read", "pyarrow merely reading it, whole", _json_read, 10, ()),
        ),
        (Within("read", 1.3),),
    ),
    Case(
        "score-workers",
        f"{_ALL}, by processes that have a processor each, Parquet of 30 million rows × 10",
        _workers,
        (Faster("one", 1.7),),
        memory=False,
    ),
    Case(
        "score-report",
        "`plogq report` with slices, Parquet of 10 million rows × 10",
        _report,
        (Within("score", 1.2), Holds("page", 2_000_000)),
    ),
    Case(
        "score-decompose",
        "Miscalibration of every class, summed, Parquet of 16,384 rows × 10",
        _diagnostics,
        (Error(1e-6),),
    ),
    Case(
        "score-peers",
        "`plogq score` beside what others have for parts of it, Parquet of a million rows × 10",
        _work(
            (OURS, _ALL, _all, 10, ("scipy",)),
            ("log_loss", "scikit-learn log_loss", _log_loss, 10, _SKLEARN),
            (
                "calibration_curve", "scikit-learn calibration_curve, a class each",
                _calibration_curves, 10, _SKLEARN,
            ),
            (
                "classification_report", "scikit-learn classification_report",
                _classification_report, 10, _SKLEARN,
            ),
            ("torchmetrics", "torchmetrics calibration error", _torchmetrics, 10,
             ("torch", "torchmetrics")),
            ("cleanlab", "cleanlab find_label_issues", _cleanlab, 10, ("cleanlab",)),
        ),
    ),
)  # fmt: skip
