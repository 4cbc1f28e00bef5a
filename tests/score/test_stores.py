"""Files on object stores: a real S3 server on this machine, and what fsspec knows."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

import plogq
from plogq.score import InputError, Wish, score_file
from plogq.score.engines import score_spread
from plogq.score.places import Remote, _opened, located

from .spreading import FILES, exact, folder_of_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of predictions on this machine, in several formats."""
    folder = folder_of_files(tmp_path_factory.mktemp("store") / "data")
    rows = pq.read_table(folder / "part=1" / "rows.parquet", partitioning=None)
    pacsv.write_csv(rows, folder / "rows.csv")
    np.savez(folder / "rows.npz", **{n: rows[n].to_numpy() for n in rows.column_names})
    with pa.ipc.new_file(str(folder / "rows.arrow"), rows.schema) as writer:
        writer.write_table(rows)
    return folder


@pytest.fixture(scope="module")
def bucket(folder: Path) -> Generator[str, None, None]:
    """The same files in a bucket, and where its folder is."""
    # A server is loaded where it is asked for, and not by every process that collects tests.
    import boto3
    from moto.server import ThreadedMotoServer

    patch = pytest.MonkeyPatch()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        patch.setenv(name, value)
    client: Any = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    for path in folder.rglob("*.*"):
        key = f"data/{path.relative_to(folder).as_posix()}"
        client.put_object(Bucket="bucket", Key=key, Body=path.read_bytes())
    client.put_object(Bucket="bucket", Key="data/_SUCCESS", Body=b"")
    yield "s3://bucket/data"
    server.stop()
    patch.undo()
    _opened.cache_clear()


@pytest.mark.parametrize("name", ["rows.csv", "rows.npz", "rows.arrow", "part=2/rows.parquet"])
def test_a_file_in_a_bucket(name: str, bucket: str, folder: Path) -> None:
    assert exact(score_file(f"{bucket}/{name}")) == exact(score_file(folder / name))
    # As a command line has it, whose arguments are paths.
    assert exact(score_file(Path(f"{bucket}/{name}"))) == exact(score_file(folder / name))


def test_a_folder_and_a_pattern_in_a_bucket(bucket: str, folder: Path) -> None:
    pattern = "*/*.parquet"
    wish = Wish(by=("part",))
    expected = exact(score_file(folder / pattern, wish)).replace(str(folder), bucket)
    assert exact(score_file(f"{bucket}/{pattern}", wish)) == expected
    found = plogq.evaluate(f"{bucket}/**/*.parquet", map=map, by="part")
    assert found.slices == score_file(folder / pattern, wish).slices
    files = [str(x) for x in Remote(bucket).files()]
    assert len(files) == FILES + 4
    assert files[0] == "s3://bucket/data/_SUCCESS"


def test_workers_read_from_a_bucket(bucket: str, folder: Path) -> None:
    found = score_spread(f"{bucket}/*/*.parquet", workers=2)
    assert exact(found) == exact(score_file(folder / "*/*.parquet")).replace(str(folder), bucket)


def test_what_fsspec_knows(folder: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/plogq/rows.csv", (folder / "rows.csv").read_bytes())
    found = plogq.evaluate("memory://plogq/rows.csv", worst=3)
    assert exact(found) == exact(plogq.evaluate(folder / "rows.csv", worst=3))


def test_what_is_not_there_is_named(bucket: str) -> None:
    for url, sentence in (
        (f"{bucket}/none.csv", f"there is no file {bucket}/none.csv"),
        (f"{bucket}/x*.csv", "and none that matches it"),
        ("s3://nobody/x.csv", "there is no bucket nobody"),
        ("foo://x/y.csv", "foo:// is no store that pyarrow or fsspec knows (Protocol not known"),
    ):
        with pytest.raises(InputError) as caught:
            score_file(url)
        assert sentence in str(caught.value)


def test_a_bucket_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(403)

        do_GET = do_HEAD

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forbidden)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    _opened.cache_clear()
    with pytest.raises(InputError, match=r"no access to s3://theirs/x.*AWS_ACCESS_KEY_ID"):
        score_file("s3://theirs/x.csv")
    server.shutdown()
    server.server_close()
    _opened.cache_clear()


def test_addresses_and_paths(tmp_path: Path) -> None:
    assert str(located(Path("s3://bucket/a/b.csv"))) == "s3://bucket/a/b.csv"
    assert located("s3://bucket/a/b.csv").parent == located("s3:/bucket/a")
    assert located(f"file://{tmp_path}") == tmp_path
    assert not isinstance(located("C:/x.csv"), Remote)
