"""Real clusters of Ray and Dask on this machine come to the same bits as one process."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from plogq.score import InputError, Wish, score_file
from plogq.score import fragments as places
from plogq.score.engines import Dask, Ray, mapper, score_spread
from plogq.score.evaluate import empty_totals
from plogq.score.spread import Job, Map, gathered

from .spreading import Dying, exact, folder_of_files

WISH = Wish(by=("part",))

pytestmark = [
    pytest.mark.slow,
    # Both leave sockets and files to the end of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files."""
    return folder_of_files(tmp_path_factory.mktemp("cluster") / "data")


@pytest.fixture(scope="module")
def ray_cluster() -> Generator[Map, None, None]:
    """Two workers of Ray, which know where the tests are."""
    import ray

    ray.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parents[2])}},
    )  # fmt: skip
    yield Ray(None, None)
    ray.shutdown()


@pytest.fixture(scope="module")
def dask_cluster() -> Generator[Map, None, None]:
    """Two processes of Dask."""
    import distributed

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        yield Dask(cluster.scheduler_address, None)


@pytest.fixture(params=["ray", "dask"])
def cluster(request: pytest.FixtureRequest) -> Map:
    """Each in turn."""
    return request.getfixturevalue(f"{request.param}_cluster")


def test_a_worker_is_killed_and_the_totals_are_the_same(
    cluster: Map, folder: Path, tmp_path: Path
) -> None:
    source = places.fragments([folder])
    job = Job(empty_totals(source, WISH, name=folder.name), source)
    dying: Any = Dying(job, tmp_path / "killed")
    totals = job.empty.again()
    for part in cluster(dying, source.pieces()):
        totals.merge(part)
    assert (tmp_path / "killed").exists()
    assert exact(totals.report()) == exact(score_file(folder, WISH))


def test_a_file_that_cannot_be_read_is_named(cluster: Map, tmp_path: Path) -> None:
    folder = folder_of_files(tmp_path / "data")
    (folder / "part=3" / "rows.parquet").write_bytes(b"PAR1 and no more")
    source = places.fragments([folder])
    job = Job(empty_totals(source, WISH), source)
    with pytest.raises(InputError, match=r"part=3/rows\.parquet: "):
        gathered(job, source.pieces(), cluster)


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_cluster_that_is_started_for_the_time(name: Any, folder: Path) -> None:
    """Ray's is the one that the tests have: a process has one."""
    found = score_spread(folder, WISH, engine=name, workers=2)
    assert exact(found) == exact(score_file(folder, WISH))


def test_a_cluster_that_is_not_there(folder: Path) -> None:
    with pytest.raises(InputError, match=r"no Dask cluster can be reached at tcp://127\.0\.0\.1:9"):
        list(mapper("dask", address="tcp://127.0.0.1:9")(str, []))
