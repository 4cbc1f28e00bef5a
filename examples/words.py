"""Train a small language model on Python's own manual, the topics of `help()`, and write what it
gives to every word of the topics that it has not seen to words.parquet, next to this script;
`plogq score` reads that file.

The model mixes words after their predecessor, words alone, and words spelled letter by letter, so
that no word is impossible.

    python examples/words.py [FOLDER]
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import log
from pathlib import Path
from pydoc_data.topics import topics

import pyarrow as pa
import pyarrow.parquet as pq

# How much of the probability each of the three parts has, and the topics that are held back.
PAIRS, WORDS, LETTERS = 0.55, 0.35, 0.1
HELD_BACK = 5
FEWEST = 200
END = "\n"


def tokens(text: str) -> list[str]:
    """Words, numbers and signs, each with the space before it."""
    return re.findall(r"\s*\w+|\s*[^\w\s]", text)


class Model:
    """Counts of words, of pairs of words, and of letters."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        self.words: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.letters: Counter[str] = Counter()
        for text in texts:
            self.words.update(text)
            self.pairs.update(pairwise(text))
        for word in self.words:
            self.letters.update(word + END)
        self.total, self.of_letters = self.words.total(), self.letters.total() + 256

    def log_probability(self, before: str, word: str) -> float:
        """log q of a word after another one, in nats."""
        spelled = 1.0
        for letter in word + END:
            spelled *= (self.letters[letter] + 1) / self.of_letters
        after = self.pairs[before, word] / self.words[before] if self.words[before] else 0.0
        return log(PAIRS * after + WORDS * self.words[word] / self.total + LETTERS * spelled)


def write(path: Path) -> None:
    """Every fifth topic is held back; of them those of a few hundred words are written."""
    names = sorted(topics)
    texts = {name: tokens(topics[name]) for name in names}
    held = [name for i, name in enumerate(names) if i % HELD_BACK == 0]
    model = Model(texts[name] for name in names if name not in held)
    rows: dict[str, list[object]] = {"document": [], "logprob": [], "n_bytes": []}
    for name in held:
        text = texts[name]
        if len(text) < FEWEST:
            continue
        for before, word in pairwise(text):
            rows["document"].append(name)
            rows["logprob"].append(model.log_probability(before, word))
            rows["n_bytes"].append(len(word.encode()))
    table = pa.table(rows)
    table = table.set_column(1, "logprob", table["logprob"].cast("float32"))
    table = table.set_column(2, "n_bytes", table["n_bytes"].cast("int16"))
    pq.write_table(table, path, compression="zstd")


if __name__ == "__main__":
    write((Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent) / "words.parquet")
