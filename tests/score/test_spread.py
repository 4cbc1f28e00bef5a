"""Files and parts of files that are scored apart come to the same report, and faults are named."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import plogq
from plogq.cli.commands import app
from plogq.score import InputError, Wish, score_file
from plogq.score import fragments as places
from plogq.score.engines import mapper, score_spread
from plogq.score.evaluate import empty_totals
from plogq.score.processes import Processes
from plogq.score.spread import Interrupted, Job, gathered

from .spreading import FILES, ROWS, Dying, Sleeping, exact, folder_of_files

Write = Callable[..., Path]
WISH = Wish(by=("part",), cluster="label")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of files."""
    return folder_of_files(tmp_path / "data")


def job_of(folder: Path, wish: Wish = WISH) -> tuple[Job, list[places.Piece]]:
    """What scores a folder, and its pieces."""
    source = places.fragments([folder])
    return Job(empty_totals(source, wish, name=folder.name), source), source.pieces()


def shuffled(job: Callable[..., Any], pieces: Sequence[Any]) -> list[Any]:
    """A `map` that keeps no order."""
    found = [job(piece) for piece in pieces]
    random.Random(1).shuffle(found)
    return found


def test_files_in_any_order_are_one_report(folder: Path) -> None:
    whole = score_file(folder, WISH)
    assert whole.events == FILES * (ROWS - 1)
    assert [bad.row for bad in whole.first_bad] == [k * ROWS + 7 for k in range(FILES)]
    assert exact(plogq.evaluate(folder, map=shuffled, by="part", cluster="label")) == exact(whole)
    pattern = f"{folder}/*/*.parquet"
    found = plogq.evaluate(pattern, map=map, calibration=True)
    assert found.calibration_events == whole.events


def test_a_list_of_files(folder: Path) -> None:
    files = sorted(folder.rglob("*.parquet"))
    found, whole = plogq.evaluate(files), score_file(folder)
    assert found.file == f"{FILES} files"
    assert found.cross_entropy == whole.cross_entropy
    assert found.worst == whole.worst
    with pytest.raises(InputError, match="needs the loss of every row"):
        found.rows()


@pytest.mark.parametrize("form", ["parquet", "arrow file", "npz", "npy", "npz by columns", "csv"])
def test_a_large_file_is_cut(
    form: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plogq.score.fragments._LARGE", 100)
    monkeypatch.setattr("plogq.score.tables._PIECE", 20)
    monkeypatch.setattr("plogq.score.npz._APART", 20)
    draw = np.random.default_rng(2)
    q, label = draw.dirichlet(np.ones(3), 99).astype(np.float32), draw.integers(0, 3, 99)
    if form == "npy":
        path = tmp_path / "rows.npy"
        kind = [(f"p{k}", "f4") for k in range(3)] + [("label", "i8")]
        rows = np.zeros(99, kind)
        for k in range(3):
            rows[f"p{k}"] = q[:, k]
        rows["label"] = label
        np.save(path, rows)
    elif form == "npz by columns":
        path = tmp_path / "rows.npz"
        np.savez(path, probs=np.asfortranarray(q), label=label)
    else:
        path = write({f"p{k}": q[:, k].tolist() for k in range(3)} | {"label": label}, form)
    pieces = places.fragments([path]).pieces()
    assert len(pieces) == (1 if form == "csv" else 5)
    if form != "csv":
        assert str(pieces[1]).startswith(f"{path}, rows 2")
        one, two = (piece.span or () for piece in places.fragments([path]).pieces(2))
        assert (one[0], one[1], two[1]) == (0, two[0], 99)
    assert exact(plogq.evaluate(path, map=shuffled)) == exact(score_file(path))


@pytest.mark.slow
def test_processes(folder: Path) -> None:
    expected = exact(score_file(folder, WISH))
    assert exact(score_spread(folder, WISH, workers=2)) == expected
    result = CliRunner().invoke(
        app, ["score", str(folder), "--by", "part", "--workers", "2", "--format", "json"]
    )
    assert result.exit_code == 0
    assert f'"rows": {FILES * ROWS}' in result.stdout


@pytest.mark.slow
def test_a_process_that_is_killed(folder: Path, tmp_path: Path) -> None:
    job, pieces = job_of(folder)
    dying: Any = Dying(job, tmp_path / "killed")
    found: list[Any] = list(Processes(2)(dying, pieces))
    assert (tmp_path / "killed").exists()
    totals = job.empty.again()
    for part in found:
        totals.merge(part)
    assert exact(totals.report()) == exact(score_file(folder, WISH))


@pytest.mark.slow
def test_a_piece_that_always_kills_its_process(folder: Path, tmp_path: Path) -> None:
    job, pieces = job_of(folder)
    dying: Any = Dying(job, tmp_path / "killed", always=True)
    with pytest.raises(InputError, match="ended from outside 4 times, the last time while"):
        list(Processes(1)(dying, pieces[2:3]))


@pytest.mark.slow
def test_who_stops_waits_for_nobody(folder: Path) -> None:
    job, pieces = job_of(folder)
    before = set(multiprocessing.active_children())
    sleeping: Any = Sleeping(job)
    running = Processes(2)(sleeping, pieces)
    next(running)
    started = time.monotonic()
    running.close()
    assert time.monotonic() - started < 60
    time.sleep(0.5)
    assert set(multiprocessing.active_children()) == before


def test_ctrl_c_says_how_far_it_came(folder: Path) -> None:
    job, pieces = job_of(folder)

    def interrupted(job: Callable[..., Any], pieces: Sequence[Any]) -> Iterable[Any]:
        yield job(pieces[0])
        yield job(pieces[1])
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=f"after 2 of {FILES} pieces \\({2 * ROWS} rows\\)"):
        gathered(job, pieces, interrupted)


def test_the_file_that_cannot_be_read_is_named(folder: Path) -> None:
    broken = folder / "part=3" / "rows.parquet"
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"part=3/rows.parquet"):
        plogq.evaluate(folder, map=map)
    broken.write_bytes(b"")
    with pytest.raises(InputError, match=r"part=3/rows.parquet: rows.parquet is empty"):
        plogq.evaluate(folder, map=map)
    pq.write_table(pa.table({"p0": [0.5], "p1": [0.5], "p2": [0.0]}), broken)
    with pytest.raises(InputError, match=r"part=3/rows.parquet has no column 'label'"):
        plogq.evaluate(folder, map=map)


def test_strict(folder: Path) -> None:
    with pytest.raises(InputError, match=r"part=0/rows.parquet: row 7: "):
        plogq.evaluate(folder, map=map, strict=True)


def test_what_several_workers_cannot_do(folder: Path, tmp_path: Path) -> None:
    for call, sentence in (
        (lambda: score_spread("-", workers=2), "- can be read once, by one process"),
        (lambda: score_spread(folder, Wish(truth="x.csv"), workers=2), "--truth is matched"),
        (lambda: score_spread(folder, rows_to="x.csv", workers=2), "--rows writes the rows"),
        (lambda: score_spread(tmp_path / "no", workers=2), "there is no file"),
        (lambda: mapper("processes", workers=0), "--workers 0 is no number of workers"),
        (lambda: mapper("processes", address="x"), "--address is that of a cluster"),
        (lambda: mapper("ray", address="x", workers=2), "leave out one of them"),
        (lambda: plogq.evaluate([0, 1], [0.5, 0.5], map=map), "these are arrays: leave it out"),
        (lambda: plogq.evaluate({"p": [0.5]}, map=map), "map= scores files"),
        (lambda: plogq.evaluate(folder, map=lambda f, x: []), "returned 0 results for 6 pieces"),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert sentence in str(caught.value)
