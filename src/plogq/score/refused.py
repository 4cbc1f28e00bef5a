"""Files that are not read, and the command that turns each into one that is."""

from __future__ import annotations

import zipfile
from pathlib import Path

from .places import zip_file
from .shown import excerpt

_INNER = {
    b"PAR1": "Parquet", b"ARROW1": "Arrow", b"PK\x03\x04": "zip or NPZ", b"\x93NUMPY": "NPY"
}  # fmt: skip
_PANDAS = "python -c \"import pandas; pandas.{}('{}').to_parquet('{}.parquet')\""

# How each begins, what it is, and what pandas reads it with or the command that turns it into CSV.
_OTHERS = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (save it as CSV)", "read_excel"),
    (b"\x89HDF\r\n", "an HDF5 file", "read_hdf"),
    (b"ORC", "an ORC file", "read_orc"),
    (b"FEA1", "a Feather file of version 1", "read_feather"),
    (b"<stata_dta>", "a Stata file", "read_stata"),
    (
        b"SQLite format 3", "an SQLite database",
        "sqlite3 -header -csv {name} 'select * from TABLE' > {stem}.csv",
    ),
    (b"Obj\x01", "an Avro file", "write it as Parquet, as Spark and DuckDB do"),
    (b"%PDF", "a PDF", "save the table as CSV"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it: 7z x {name}"),
    (b"Rar!", "a RAR archive", "unpack it: unrar x {name}"),
)  # fmt: skip


def why_refused(path: Path, first: bytes, compressed: str | None) -> str | None:
    """The sentence for a file that begins so (decompressed, if it was); None where it is read."""
    name, stem = path.name, path.name.split(".")[0]
    if compressed is not None:
        for mark, what in _INNER.items():
            if first.startswith(mark):
                tool = {"gzip": "gzip -d", "bz2": "bunzip2", "zstd": "zstd -d", "xz": "xz -d"}
                return (
                    f"{name} is a {what} file that was compressed again, so it cannot be read in "
                    f"parts: decompress it first: {tool.get(compressed, compressed + ' -d')} {name}"
                )
        if first.startswith((b"RDX", b"RDA", b"X\n\0", b"A\n")):
            write = f"arrow::write_parquet(x, '{stem}.parquet')"
            return f"{name} is an R data file: write it in R with {write}"
    if first.startswith(b"PK\x03\x04") and compressed is None:
        return _zipped(path)
    if first[:1] == b"\x80" and first[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return (
            f"{name} is a pickle, which runs code as it is opened: if you trust it: "
            f"{_PANDAS.format('read_pickle', name, stem)}"
        )
    for mark, what, turn in _OTHERS:
        if first.startswith(mark):
            command = turn if " " in turn else _PANDAS.format(turn, name, stem)
            return f"{name} is {what}, which is not read: {command.format(name=name, stem=stem)}"
    if first[257:262] == b"ustar":
        return f"{name} is a tar archive: unpack it: tar -xf {name}"
    return _json(name, stem, first)


def _json(name: str, stem: str, first: bytes) -> str | None:
    """Plain JSON: one value that fills the file, where JSON lines have one a line."""
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        after = text[1:].lstrip()[:1]
        if after in (b"{", b"["):
            return (
                f"{name} is plain JSON, one array that fills the file: JSON lines, one object a "
                f"line, are read: jq -c '.[]' {name} > {stem}.jsonl"
            )
    if text.startswith(b"{") and text[1:].lstrip().startswith((b'"', b"}")):
        line = text.split(b"\n")[0].rstrip()
        if (b"\n" in text or len(first) < 4096) and not line.endswith(b"}"):
            return (
                f"{name} is plain JSON, one object over several lines: JSON lines, one object a "
                f"line, are read: jq -c . {name} > {stem}.jsonl; for columns of a data frame: "
                f"{_PANDAS.format('read_json', name, stem)}"
            )
    return None


def _zipped(path: Path) -> str | None:
    """What a zip archive is; None where it is NumPy's."""
    try:
        with zip_file(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    name = path.name
    if not names or any(n.endswith(".npy") for n in names):
        return None
    if "[Content_Types].xml" in names:
        return (
            f"{name} is an Excel workbook or another office document (xlsx): save its sheet as "
            "CSV, or: "
            f"{_PANDAS.format('read_excel', name, path.name.split('.')[0])}"
        )
    if any(n.endswith("data.pkl") for n in names):
        return (
            f"{name} is what torch.save writes, which is not read: save the arrays: "
            "numpy.savez('predictions.npz', probs=probs.numpy(), label=label.numpy())"
        )
    inside = excerpt(names[0], 60)
    rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return (
        f"{name} is a zip archive, which holds {inside}{rest}: unpack it first: "
        f"unzip -p {name} {inside} > {Path(inside).name}"
    )
