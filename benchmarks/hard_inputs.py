"""Twenty hard inputs, and what each framework makes of them: `python -m benchmarks.hard_inputs`.

Each is one event, or two with the mean; beside what was returned stands the exact value, from
60-digit arithmetic on the exact values of the inputs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .peers import losses
from .report import pipes

INF, NAN = float("inf"), float("nan")
LABELS, ROWS, YES_NO, PROBS = "labels", "rows of probabilities", "yes/no", "labels, probabilities"


@dataclass(frozen=True, slots=True)
class Hard:
    """One input: what is predicted, what is true, and the exact value where it is a convention."""

    what: str
    kind: str
    scores: Any
    target: Any
    dtype: str = "float32"
    ignore: int | None = None
    exact: float | None = None

    def array(self) -> Any:
        """The scores in their dtype."""
        if self.dtype == "bfloat16":
            import ml_dtypes

            return np.array(self.scores, ml_dtypes.bfloat16)
        return np.array(self.scores, self.dtype)


INPUTS = (
    Hard("certain and right, gap 20", LABELS, [[20.0, 0.0, 0.0]], [0]),
    Hard("certain and right, gap 80", LABELS, [[80.0, 0.0, -1.0]], [0]),
    Hard("certain and wrong, gap 200", LABELS, [[0.0, 200.0, 0.0]], [0]),
    Hard("scores near 10⁴", LABELS, [[10000.0, 10001.0, 9999.0]], [1]),
    Hard("scores at both ends of float32", LABELS, [[3e38, -3e38, 0.0]], [0]),
    Hard("a class ruled out, score -∞", LABELS, [[0.0, -INF, 1.0]], [0]),
    Hard("the label ruled out", LABELS, [[0.0, -INF, 1.0]], [1], exact=INF),
    Hard("one score of +∞, the label's", LABELS, [[INF, 0.0, 0.0]], [0], exact=0.0),
    Hard("one score of +∞, not the label's", LABELS, [[INF, 0.0, 0.0]], [1], exact=INF),
    Hard("all scores -∞", LABELS, [[-INF, -INF, -INF]], [0], exact=NAN),
    Hard("soft target, no mass where q = 0", ROWS, [[1.0, 2.0, -INF]], [[0.5, 0.5, 0.0]]),
    Hard("label 5 of 3 classes", LABELS, [[1.0, 2.0, 3.0]], [5], exact=NAN),
    Hard("label -1", LABELS, [[1.0, 2.0, 3.0]], [-1], exact=NAN),
    Hard("all labels ignored", LABELS, [[1.0, 2.0, 3.0]] * 2, [-100, -100], ignore=-100, exact=0.0),
    Hard("one label of two ignored", LABELS, [[1.0, 2.0, 3.0]] * 2, [2, -100], ignore=-100),
    Hard("bfloat16 scores", LABELS, [[3.25, 1.5, -2.0]], [0], "bfloat16"),
    Hard("float16 scores, 6·10⁴ apart twice", LABELS, [[6e4, -6e4, 0.0]], [1], "float16"),
    Hard("yes, score +∞", YES_NO, [INF], [1.0], exact=0.0),
    Hard("yes, score 40", YES_NO, [40.0], [1.0]),
    Hard("probability 0 of what happened", PROBS, [[0.0, 0.25, 0.75]], [0], exact=INF),
)


def exact(hard: Hard) -> float:
    """The loss to 60 digits, or the value that the conventions of infinity give it."""
    if hard.exact is not None:
        return hard.exact
    from mpmath import mp

    with mp.workdps(60):
        total, count = mp.mpf(0), 0
        for scores, target in zip(np.array(hard.array(), np.float64), hard.target, strict=True):
            if target == hard.ignore and hard.ignore is not None:
                continue
            s = (
                [mp.mpf(0), mp.mpf(float(scores))]
                if hard.kind == YES_NO
                else list(map(mp.mpf, scores))
            )
            p = _rows(hard, target, len(s))
            log_z = mp.log(mp.fsum(mp.exp(x) for x in s))
            total += mp.fsum(w * (log_z - x) for w, x in zip(p, s, strict=True) if w)
            count += 1
        return float(total / count)


def _rows(hard: Hard, target: Any, classes: int) -> list[float]:
    if hard.kind == ROWS:
        return list(target)
    if hard.kind == YES_NO:
        return [1.0 - target, target]
    return [float(j == target) for j in range(classes)]


def shown(run: Callable[[Hard], Any], hard: Hard, truth: float) -> str:
    """What a framework returned: right within 1e-5, or the number, or the error's name."""
    try:
        value = run(hard)
    except losses.NoWay:
        return "–"
    except Exception as error:
        return type(error).__name__
    near = value == truth or abs(value - truth) <= 1e-5 * abs(truth) < INF
    return f"{value:.6g}{' ✓' if near or (value != value and truth != truth) else ''}"


def table() -> list[tuple[str, ...]]:
    """A row an input, a column a framework; plogq's column says where its frameworks differ."""
    ours = {name: losses.OURS[name] for name in losses.OURS if find_spec(name)}
    peers = {title: run for title, (needs, run) in losses.PEERS.items() if find_spec(needs)}
    rows = [("input", "exact", "plogq on " + ", ".join(losses.TITLES[n] for n in ours), *peers)]
    for hard in INPUTS:
        truth = exact(hard)
        found = dict.fromkeys(shown(run, hard, truth) for run in ours.values())
        cells = (shown(run, hard, truth) for run in peers.values())
        rows.append((f"{hard.what} ({hard.kind})", f"{truth:.6g}", " / ".join(found), *cells))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hard_inputs",
        description="Print what each installed framework makes of twenty hard inputs. ✓: within "
        "1e-5 of the exact value; –: there is no such helper.",
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="fill the table of this page")
    given = parser.parse_args(arguments)
    text = "\n".join(pipes(table(), numbers=False))
    if given.write is None:
        print(text)
        return 0
    page = given.write.read_text(encoding="utf-8")
    start, end = "<!-- hard inputs -->\n", "<!-- end of hard inputs -->"
    before, _, rest = page.partition(start)
    given.write.write_text(f"{before}{start}\n{text}\n\n{end}{rest.partition(end)[2]}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
