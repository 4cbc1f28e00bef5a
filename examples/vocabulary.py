"""A language model's worth of classes, scored out of core.

Writes a Parquet file of next-token scores over a vocabulary of 32,000, float16 as such models
store them: 1.3 GB with the sizes below, made and read a chunk at a time. Then scores it, and
prints how little memory that took.

    python examples/vocabulary.py [--rows 20000] [--classes 32000] [--chunk 128] [--file FILE]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from plogq.score import Report, score_file


def write(path: Path, rows: int, classes: int, chunk: int) -> None:
    """Scores of a made-up model: what it knows of word frequencies (Zipf's law), some noise, and
    a hint of the token that really comes next."""
    random = np.random.default_rng(0)
    frequencies = 1.0 / np.arange(1, classes + 1)
    frequencies /= frequencies.sum()
    known = np.log(frequencies).astype(np.float32)
    schema = pa.schema([("logits", pa.list_(pa.float16(), classes)), ("next_token", pa.int32())])
    # Scores hardly repeat, so a dictionary of them would only cost time.
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, rows, chunk):
            count = min(chunk, rows - start)
            tokens = random.choice(classes, count, p=frequencies).astype(np.int32)
            scores = random.standard_normal((count, classes), dtype=np.float32) + known
            scores[np.arange(count), tokens] += 6.0
            values = pa.array(scores.astype(np.float16).reshape(-1))
            lists = pa.FixedSizeListArray.from_arrays(values, classes)
            writer.write_table(pa.table([lists, tokens], schema=schema))


def run(path: Path, rows: int, classes: int, chunk: int) -> Report:
    """Write, score, and say what it took."""
    write(path, rows, classes, chunk)
    size = path.stat().st_size / 2**20
    start = time.perf_counter()
    report = score_file(path, worst=3)
    seconds = time.perf_counter() - start
    print(f"{path.name}: {rows:,} rows of {classes:,} scores, {size:,.0f} MiB")
    for reason in report.reasons:
        print(f"  {reason}")
    print(f"H = {report.cross_entropy:.4f} ± {report.standard_error:.4f} nats per token, ", end="")
    print(f"perplexity {report.perplexity:.1f}, accuracy {report.accuracy:.1%}")
    print(f"scored in {seconds:.1f} s; the process never held more than {_peak():,.0f} MiB")
    return report


def _peak() -> float:
    """The most memory that this process has held, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description="Score a vocabulary's worth of classes.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=32_000)
    parser.add_argument("--chunk", type=int, default=128, help="rows in memory while writing")
    parser.add_argument("--file", type=Path, help="keep the file here (default: a temporary one)")
    sizes = parser.parse_args()
    if sizes.file is not None:
        run(sizes.file, sizes.rows, sizes.classes, sizes.chunk)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder) / "vocabulary.parquet", sizes.rows, sizes.classes, sizes.chunk)


if __name__ == "__main__":
    main()
