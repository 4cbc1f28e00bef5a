"""Files wherever they lie: on this machine, or in a store that pyarrow or fsspec knows."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.fs as pafs

from .column import InputError

_arrow: Any = pa
_fs: Any = pafs

# A letter alone is a drive of Windows, and pathlib makes one slash of two.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)
_MAGIC = re.compile(r"[*?\[]")

_BUCKETS = ("s3", "gs", "gcs")
_DENIED = ("access denied", "forbidden", "permission", "unauthorized", "invalid access key")
_CREDENTIALS = {
    "s3": ", such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE",
    "gs": ", such as GOOGLE_APPLICATION_CREDENTIALS",
}

if TYPE_CHECKING:
    _Base = Path
else:
    _Base = type(Path())


class Remote(_Base):
    """A file or folder of a store, such as `s3://bucket/key`; what of a `Path` is asked here."""

    @property
    def url(self) -> str:
        """Its address."""
        found = _URL.fullmatch(super().__str__().replace("\\", "/"))
        assert found is not None
        return f"{found[1]}://{found[2]}"

    def __str__(self) -> str:
        return self.url

    def exists(self, **_: Any) -> bool:
        """Whether there is such a file or folder."""
        return self._info().type != _fs.FileType.NotFound

    def is_file(self, **_: Any) -> bool:
        """Whether it is a file."""
        return self._info().type == _fs.FileType.File

    def is_dir(self, **_: Any) -> bool:
        """Whether it is a folder, or what stands for one."""
        return self._info().type == _fs.FileType.Directory

    def absolute(self) -> Remote:
        """Itself: it depends on no directory."""
        return self

    def resolve(self, strict: bool = False) -> Remote:
        """Itself."""
        return self

    def size(self) -> int:
        """How many bytes the file has."""
        return int(self._info().size or 0)

    def open(self, *_: Any, **__: Any) -> Any:
        """The file, to be read from any place in it."""
        system, path = _system(self.url)
        return system.open_input_file(path)

    def files(self) -> list[Remote]:
        """All files in this folder and in those within, by name."""
        system, path = _system(self.url)
        found = system.get_file_info(_fs.FileSelector(path, recursive=True, allow_not_found=True))
        scheme = self.url.split("://")[0]
        names = sorted(info.path for info in found if info.type == _fs.FileType.File)
        return [Remote(f"{scheme}://{name.lstrip('/')}") for name in names]

    def matching(self) -> list[Remote]:
        """The files whose addresses match this pattern: *, ? and [...] within a name, ** for any
        folders."""
        parts = self.parts
        plain = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
        return [x for x in Remote(*parts[:plain]).files() if _matches(x.parts, parts)]

    def _info(self) -> Any:
        system, path = _system(self.url)
        with _reached(self.url):
            return system.get_file_info(path)


def located(text: str | os.PathLike[str]) -> Path:
    """A path, or an address of a store."""
    found = _URL.fullmatch(str(text))
    if found is None:
        return Path(text)
    return Path("/" + found[2]) if found[1].casefold() == "file" else Remote(text)


def raw_file(path: Path) -> Any:
    """A file to read, of pyarrow's own kind."""
    # As bytes, since pyarrow takes no name that is not UTF-8.
    return path.open() if isinstance(path, Remote) else _arrow.OSFile(os.fsencode(path))


def size_of(path: Path) -> int:
    """How many bytes a file has."""
    return path.size() if isinstance(path, Remote) else path.stat().st_size


def zip_file(path: Path) -> ZipFile:
    """A zip archive to read."""
    return ZipFile(path.open("rb") if isinstance(path, Remote) else path)


def _matches(name: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "**":
        return any(_matches(name[i:], pattern[1:]) for i in range(len(name) + 1))
    return bool(name) and fnmatchcase(name[0], pattern[0]) and _matches(name[1:], pattern[1:])


def _system(url: str) -> tuple[Any, str]:
    """The file system that an address is of, and the path there."""
    scheme, rest = url.split("://", 1)
    # All that one bucket or host holds is of one file system.
    with _reached(url):
        system, root = _opened(scheme, rest.split("/", 1)[0])
    return system, "/".join([root, *rest.split("/")[1:]]).rstrip("/")


@lru_cache(maxsize=64)
def _opened(scheme: str, host: str) -> tuple[Any, str]:
    url = f"{scheme}://{host}"
    try:
        system, root = _fs.FileSystem.from_uri(url)
    except _arrow.ArrowInvalid as error:
        if "nrecognized filesystem type" not in str(error):
            raise
        system, root = _by_fsspec(url)
    return system, root.rstrip("/")


def _by_fsspec(url: str) -> tuple[Any, str]:
    """What fsspec knows, as a file system of pyarrow's."""
    scheme = url.split("://", 1)[0]
    try:
        import fsspec
    except ModuleNotFoundError:
        raise InputError(
            f"{scheme}:// is none of the stores that pyarrow reads (s3, gs, abfs, hdfs), and for "
            "others fsspec is not installed: pip install 'plogq[stores]'"
        ) from None
    core: Any = fsspec.core
    try:
        system, root = core.url_to_fs(url)
    except ImportError as error:
        raise InputError(f"{scheme}:// cannot be read: {_first_line(error)}") from error
    except ValueError as error:
        raise InputError(
            f"{scheme}:// is no store that pyarrow or fsspec knows ({_first_line(error)}): write "
            "s3://, gs://, abfs:// or hdfs://, or the path of a file"
        ) from error
    return _fs.PyFileSystem(_fs.FSSpecHandler(system)), root


def missing(path: Path) -> str:
    """The sentence for a file that is not there."""
    if isinstance(path, Remote):
        scheme, rest = path.url.split("://", 1)
        bucket = rest.split("/", 1)[0]
        if scheme in _BUCKETS and not Remote(f"{scheme}://{bucket}").exists():
            return f"there is no bucket {bucket}, or none that can be seen: {path}"
    return f"there is no file {path}"


@contextmanager
def _reached(url: str) -> Generator[None, None, None]:
    """Errors of the file systems as sentences."""
    try:
        yield
    except (OSError, _arrow.ArrowException) as error:
        raise InputError(_unreached(url, _first_line(error))) from error


def _unreached(url: str, why: str) -> str:
    scheme, rest = url.split("://", 1)
    said = why.casefold().replace("_", " ")
    if "bucket" in said and "not found" in said:
        return f"there is no bucket {rest.split('/', 1)[0]}: {url}"
    if any(word in said for word in _DENIED):
        return (
            f"there is no access to {url} ({why}): give the credentials as {scheme}'s own tools "
            f"take them{_CREDENTIALS.get(scheme, '')}"
        )
    if "libjvm" in said or "libhdfs" in said:
        return (
            f"{url}: hdfs:// needs Java and Hadoop's libhdfs; set JAVA_HOME, HADOOP_HOME and "
            f"CLASSPATH ({why})"
        )
    return f"{url} cannot be reached: {why}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
