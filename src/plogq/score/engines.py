"""Clusters as what `map` is: of Ray and of Dask, there already or started on this machine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from typing import Any, Literal

from .column import InputError
from .fragments import Piece
from .places import located
from .processes import Processes, processors
from .report import Report
from .spread import Map, score_pieces
from .survey import Wish

Engine = Literal["processes", "ray", "dask"]

# A piece whose worker is lost is scored again so often.
_AGAIN = 3


def mapper(name: Engine, *, workers: int | None = None, address: str | None = None) -> Map:
    """What scores pieces: processes of this machine, or a cluster at an address (None: one that is
    started here for the time, with so many workers).

    Raises:
        InputError: an address or a number of workers does not go with the engine.
        ModuleNotFoundError: the engine is not installed.
    """
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers} is no number of workers: write 1 or more")
    if name == "processes":
        if address is not None:
            raise InputError("--address is that of a cluster: add --engine ray or --engine dask")
        return Processes(workers or processors())
    if address is not None and workers is not None:
        raise InputError(
            "--workers is how many are started here, and the cluster at --address has its own: "
            "leave out one of them"
        )
    return (Ray if name == "ray" else Dask)(address, workers)


def score_spread(
    where: str | PathLike[str], wish: Wish | None = None, *, engine: Engine = "processes",
    workers: int | None = None, address: str | None = None, strict: bool = False, worst: int = 10,
    rows_to: str | PathLike[str] | None = None, progress: Callable[[float], None] | None = None,
) -> Report:  # fmt: skip
    """The report of `score_file`, bit for bit, of rows that several processes or machines score.

    The files of a folder or a pattern are shared out, and so are the parts of a large file that is
    Parquet, an Arrow file, NPY, or NPZ that is not compressed. All machines must find the files
    under the same names. `address` is that of a Ray or Dask cluster; without one it is started
    here, with as many workers as processors or as `workers` says. A script that starts processes
    does so below `if __name__ == "__main__":`, as they load it too.

    Raises:
        InputError: as `score_file`; the message names the file that cannot be read.
    """
    path, wish = located(where), wish or Wish()
    if rows_to is not None:
        raise InputError(
            "--rows writes the rows in their order, as one worker scores them: leave out "
            "--workers and --engine"
        )
    return score_pieces(
        [path], wish, mapper(engine, workers=workers, address=address), name=path.name,
        strict=strict, worst=worst, progress=progress,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ray:
    """Ray's tasks."""

    address: str | None
    workers: int | None

    def __call__(
        self, job: Callable[[Piece], Any], pieces: Sequence[Piece]
    ) -> Generator[Any, None, None]:
        ray = _engine("ray", "ray")
        started = not ray.is_initialized()
        if started:
            try:
                self._start(ray)
            except (ConnectionError, ValueError, RuntimeError, OSError) as error:
                raise _unreachable("Ray", self.address, error) from error
        score = ray.remote(_score).options(max_retries=_AGAIN)
        try:
            shared = ray.put(job)
            waiting = {score.remote(shared, piece): piece for piece in pieces}
            try:
                while waiting:
                    (done,), _ = ray.wait(list(waiting), num_returns=1)
                    piece = waiting.pop(done)
                    try:
                        found = ray.get(done)
                    except ray.exceptions.RayTaskError:
                        raise
                    except ray.exceptions.RayError as error:
                        raise _lost(piece, error) from error
                    yield found
            finally:
                for task in waiting:
                    ray.cancel(task, force=True)
        finally:
            if started:
                ray.shutdown()

    def _start(self, ray: Any) -> None:
        if self.address is not None:
            ray.init(address=self.address, log_to_driver=False)
        else:
            ray.init(
                address="local", num_cpus=self.workers, include_dashboard=False,
                log_to_driver=False, logging_level="ERROR",
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dask:
    """Dask's futures."""

    address: str | None
    workers: int | None

    def __call__(
        self, job: Callable[[Piece], Any], pieces: Sequence[Piece]
    ) -> Generator[Any, None, None]:
        distributed = _engine("distributed", "dask")
        try:
            client = self._client(distributed)
        except (OSError, ValueError, TimeoutError) as error:
            raise _unreachable("Dask", self.address, error) from error
        with client:
            (shared,) = client.scatter([job], broadcast=True, hash=False)
            futures = {
                client.submit(_score, shared, piece, pure=False, retries=_AGAIN): piece
                for piece in pieces
            }
            try:
                for future in distributed.as_completed(list(futures)):
                    try:
                        found = future.result()
                    except distributed.scheduler.KilledWorker as error:
                        raise _lost(futures[future], error) from error
                    yield found
                    future.release()
            finally:
                client.cancel(list(futures), force=True)

    def _client(self, distributed: Any) -> Any:
        if self.address is not None:
            return distributed.Client(self.address, timeout="10s")
        # The client closes the cluster that it has started.
        return distributed.Client(
            n_workers=self.workers, threads_per_worker=1, processes=True, dashboard_address=None
        )


def _score(job: Callable[[Piece], Any], piece: Piece) -> Any:
    return job(piece)


def _engine(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module:
            raise
        raise InputError(
            f"--engine {extra} needs {module}, which is not installed: pip install 'plogq[{extra}]'"
        ) from None


def _unreachable(what: str, address: str | None, error: Exception) -> InputError:
    why = str(error).strip().split("\n")[0] or type(error).__name__
    where = f"no {what} cluster can be reached at {address}" if address else f"{what} did not start"
    return InputError(f"{where}: {why}")


def _lost(piece: Piece, error: Exception) -> InputError:
    return InputError(
        f"{piece}: {_AGAIN + 1} workers were lost while they scored it, the last with "
        f"{type(error).__name__}: they may need more memory than they have"
    )
