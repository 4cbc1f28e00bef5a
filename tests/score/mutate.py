"""Broken files: small files of every format, bytes changed by a seed, and how scoring them ends.

`python tests/score/mutate.py --files 2000 --seed 7` runs it at length.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

_SECONDS, _MEMORY = 20, 3 << 30
# What length and offset fields hold when somebody means harm.
_EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, -1)


def mutations(data: bytes, seed: int) -> Iterator[bytes]:
    """Files that are almost this one, without end; the same for the same seed."""
    draw = random.Random(seed)
    while True:
        changed = bytearray(data)
        for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
            _mutate(changed, draw)
        yield bytes(changed)


def _mutate(data: bytearray, draw: random.Random) -> None:
    """One change in place: a bit, a byte, a number, a cut, a piece left out, doubled or moved."""
    if not data:
        data += b"\0"
    at = draw.randrange(len(data))
    match draw.randrange(8):
        case 0 | 1:
            data[at] ^= 1 << draw.randrange(8)
        case 2:
            data[at] = draw.choice((0, 1, 0x22, 0x2C, 0x0A, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        case 3 | 4:
            _renumber(data, at, draw)
        case 5:
            del data[at if draw.random() < 0.5 else max(0, len(data) - draw.randrange(1, 64)) :]
        case 6:
            del data[at : at + draw.choice((1, 4, 8, draw.randrange(1, 200)))]
        case _:
            piece = data[at : at + draw.choice((1, 4, 8, draw.randrange(1, 200)))]
            to = draw.randrange(len(data))
            data[to : to + draw.choice((0, len(piece)))] = piece


def _renumber(data: bytearray, at: int, draw: random.Random) -> None:
    """Another number where one of 2, 4 or 8 bytes may stand, most often at a multiple of them."""
    size = draw.choice((2, 4, 4, 8, 8))
    if draw.random() < 0.8:
        at -= at % size
    old = int.from_bytes(data[at : at + size], "little", signed=True)
    new = draw.choice((draw.choice(_EXTREMES), old + 1, old - 1, old * 2, old + 8, -old, old ^ 64))
    data[at : at + size] = (new % (1 << (8 * size))).to_bytes(size, "little")


def samples() -> dict[str, bytes]:
    """A small file of every format and layout, by its name."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = np.random.default_rng(0)
    probs = draw.dirichlet(np.ones(3), 40).astype(np.float32)
    plain: dict[str, Any] = {f"p_{c}": probs[:, k] for k, c in enumerate("abc")}
    names = pa.array([("a", "b", "c", None)[i % 4] for i in range(40)])
    text = plain | {"label": names, "note": pa.array([f"note {i} é" for i in range(40)])}
    whole = pa.array(np.arange(40) % 3)
    lists: dict[str, Any] = {
        "probs": pa.array([[*row] if i % 7 else None for i, row in enumerate(probs.tolist())]),
        "fixed": pa.FixedSizeListArray.from_arrays(pa.array(probs.ravel()), 3),
        "large": pa.array(probs.tolist(), pa.large_list(pa.float64())),
        "label": whole,
        "kind": names.dictionary_encode(),
        "view": names.cast(pa.string_view()),
        "wide": names.cast(pa.large_string()),
        "cents": pa.array(range(40)).cast(pa.decimal128(30, 2)),
        "rows": pa.array([{"a": [i], "b": str(i)} for i in range(40)]),
        "yes": pa.array([bool(i % 3) for i in range(40)]),
        "on": pa.array([None] * 40),
    }
    files: dict[str, bytes] = {}
    for name, columns in {"text": text, "lists": lists}.items():
        table = pa.table(columns)
        for form, new in {"arrow": pa.ipc.new_file, "arrows": pa.ipc.new_stream}.items():
            for compression in (None, "lz4"):
                out = io.BytesIO()
                options = pa.ipc.IpcWriteOptions(compression=compression)
                with new(out, table.schema, options=options) as writer:
                    writer.write_table(table, max_chunksize=16)
                files[f"{name}_{compression}.{form}"] = out.getvalue()
        stored = table.drop_columns(["view"]) if "view" in columns else table
        for options in ({}, {"compression": "none", "use_dictionary": False},
                        {"data_page_version": "2.0", "column_encoding": None}):  # fmt: skip
            out = io.BytesIO()
            pq.write_table(stored, out, row_group_size=16, **options)
            files[f"{name}_{len(files)}.parquet"] = out.getvalue()
    arrays = {"probs": probs, "label": np.arange(40) % 3, "names": np.array(["a", "bc"] * 20)}
    # Column by column an array can be read from an archive that is not compressed alone.
    turned = arrays | {"probs": np.asfortranarray(probs)}
    for name, save, kept in (
        ("plain", np.savez, arrays),
        ("small", np.savez_compressed, arrays),
        ("turned", np.savez, turned),
    ):
        out = io.BytesIO()
        save(out, **kept)
        files[f"{name}.npz"] = out.getvalue()
    lines = ["p_a,p_b,p_c,label,note"]
    for i, row in enumerate(probs.tolist()):
        lines.append(",".join([*map(repr, row), "abc"[i % 3], f'"note, ""{i}""\n é"']))
    files["quoted.csv"] = "\n".join(lines).encode()
    files |= _texts(probs.tolist())
    out = io.BytesIO()
    rows = np.zeros(40, [("label", "i4"), ("probs", "f4", 3)])
    rows["label"], rows["probs"] = np.arange(40) % 3, probs
    np.save(out, rows)
    files["rows.npy"] = out.getvalue()
    files["plain.csv"] = b"p0,p1,label\r\n" + b"0.25,0.75,1\r\n0.5,0.5,0\r\n" * 20
    return files


def _texts(probs: list[list[float]]) -> dict[str, bytes]:
    """Text in other dialects, and JSON lines."""
    rows = list(enumerate(probs))
    plain = "\n".join(["p0,p1,p2,y", *(f"{a},{b},{c},{i % 3}" for i, (a, b, c) in rows)])
    entry = [{"token": "a", "logprob": -1.5}, {"token": "é", "logprob": -0.5}]
    answer = {"id": "x", "choices": [{"logprobs": {"content": entry}}]}
    return {
        "comma.csv": plain.replace(",", ";").replace(".", ",").encode(),
        "wide.csv": plain.encode("utf-16"),
        "spaces.csv": f"# by hand\n{plain}".replace(",", "  ").encode(),
        "packed.csv": gzip.compress(plain.encode()),
        "percent.csv": "\n".join(["p0,p1,y", *["25%,75%,1", "50%,50%,0"] * 20]).encode(),
        "cells.csv": "\n".join(["q,y", *(f'"{row}",{i % 3}' for i, row in rows)]).encode(),
        "plain.jsonl": "\n".join(
            json.dumps({"q": {"a": a, "b": b, "c": c}, "y": "abc"[i % 3]}) for i, (a, b, c) in rows
        ).encode(),
        "lists.jsonl": "\n".join(json.dumps({"q": row, "y": i % 3}) for i, row in rows).encode(),
        "answers.jsonl": "\n".join([json.dumps(answer)] * 20).encode(),
    }


@dataclass
class Ending:
    """How a folder of files was scored: each file's outcome, and those that ended the process."""

    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    killed: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def faults(self) -> dict[str, str]:
        """The files that were neither scored nor refused in a sentence."""
        dead = {name: f"the process ended with {code}" for name, code in self.killed.items()}
        wrong = {n: o for n, o in self.outcomes.items() if o != "scored" and o[:7] != "refused"}
        return wrong | dead


def score_folder(folder: Path) -> Ending:
    """Score every file of a folder in a child process, and in another from where one is killed: by
    a signal, by an alarm after 20 seconds, or by itself."""
    ending, rest = Ending(), sorted(path.name for path in folder.iterdir())
    while rest:
        child = subprocess.run(
            [sys.executable, __file__, "--child", str(folder)],
            input="\n".join(rest), capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [json.loads(line) for line in child.stdout.splitlines()]
        ending.outcomes |= dict(lines)
        rest = rest[len(lines) :]
        if rest:
            ending.killed[rest.pop(0)] = child.returncode
        elif child.returncode:
            ending.killed["(at its end)"] = child.returncode
    return ending


def _child(folder: Path) -> None:
    """Score the files that standard input names, and print what comes of each."""
    from rich.console import Console

    from plogq.score import score_file
    from plogq.score.show import show

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for name in sys.stdin.read().splitlines():
        signal.alarm(_SECONDS)
        print(json.dumps((name, _outcome(folder / name, score_file, show, Console))), flush=True)


def _outcome(path: Path, score_file: Any, show: Any, console: Any) -> str:
    from plogq.score import InputError

    try:
        report = score_file(path)
        json.dumps(report.as_dict(), allow_nan=False)
        show(report, console(file=io.StringIO(), width=100), 20)
    except InputError as error:
        return f"refused: {error}"
    except Exception:
        return traceback.format_exc()
    return "scored"


def write(folder: Path, files: int, seed: int) -> None:
    """So many mutations of every sample."""
    for i, (name, data) in enumerate(samples().items()):
        for k, changed in enumerate(islice(mutations(data, seed * 1000 + i), files)):
            stem, form = name.rsplit(".", 1)
            (folder / f"{stem}_{k}.{form}").write_bytes(changed)


def main() -> None:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=100, help="mutations of each sample")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=Path, help="a folder for the files that broke something")
    options.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        _child(chosen.child)
        return
    with tempfile.TemporaryDirectory() as name:
        folder, since = Path(name), time.perf_counter()
        write(folder, chosen.files, chosen.seed)
        ending = score_folder(folder)
        for file, fault in ending.faults.items():
            print(f"{file}: {fault}")
            if chosen.keep and (folder / file).exists():
                chosen.keep.mkdir(exist_ok=True)
                (chosen.keep / file).write_bytes((folder / file).read_bytes())
        ends = Counter(outcome.split(":")[0].split("\n")[0] for outcome in ending.outcomes.values())
        print(
            f"{len(ending.outcomes):,} files in {time.perf_counter() - since:.0f} s: {dict(ends)}"
        )
        print(f"killed: {len(ending.killed)}")
        raise SystemExit(bool(ending.faults))


if __name__ == "__main__":
    main()
