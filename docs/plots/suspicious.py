"""Draws the digits whose labels `plogq score --calibration` suspects: the picture shows what
scikit-learn's data holds of these rows. `python docs/plots/suspicious.py` writes suspicious.svg.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from plogq.score import Wish, score_file

ROOT = Path(__file__).parents[2]
BACKGROUND, INK = "#ffffff", "#222222"


def main(folder: Path = ROOT / "docs" / "images") -> None:
    """Draw them into a folder."""
    report = score_file(ROOT / "examples" / "digits.parquet", Wish(calibration=True))
    found: Any = load_digits(return_X_y=True)
    # The split that examples/digits.py makes.
    _, images, _, labels = train_test_split(
        *found, test_size=0.5, random_state=0, stratify=found[1]
    )
    with mpl.rc_context({"svg.hashsalt": "plogq", "svg.fonttype": "none", "font.size": 11,
                         "text.color": INK}):  # fmt: skip
        figure = Figure(figsize=(7.2, 3.2), facecolor=BACKGROUND, layout="constrained")
        for ax, line in zip(figure.subplots(1, len(report.suspicious)), report.suspicious,
                            strict=True):  # fmt: skip
            assert str(labels[line.row]) == line.label
            # Squares that are drawn one by one stay sharp, and need no picture inside the picture.
            ax.pcolormesh(images[line.row].reshape(8, 8)[::-1], cmap="Greys", vmax=18)
            ax.set(aspect="equal", xticks=(), yticks=())
            ax.set_title(f"row {line.row}: label {line.label}\nthe model says {line.predicted}")
        figure.savefig(folder / "suspicious.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
