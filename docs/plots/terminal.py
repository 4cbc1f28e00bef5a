"""Draws what the commands print, as SVG: `python docs/plots/terminal.py` runs them again.

The pictures ask for no font of another host, so that a page shows them without a network.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[2]
WIDTH = 88
# The picture's name, the command, and what is typed at its questions.
COMMANDS = {
    "score": ["score", "examples/digits.parquet"],
    "compare": [
        "compare",
        "examples/digits-penalty.parquet",
        "examples/digits.parquet",
        "--worst",
        "5",
    ],
    "calibrate": ["score", "examples/digits.parquet", "--plot", "--classes", "0", "--worst", "0"],
    "words": [
        "score",
        "examples/words.parquet",
        "--log-likelihood",
        "logprob",
        "--bytes",
        "n_bytes",
        "--by",
        "document",
        "--cluster",
        "document",
        "--classes",
        "6",
        "--worst",
        "3",
    ],
    "choose": ["choose", "--outputs", "one", "--last-layer", "sigmoid", "--labels", "0/1"],
    "lint": ["lint", "docs/plots/twice.py"],
}
_FONTS = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)


def picture(name: str, command: list[str]) -> str:
    """What this command of plogq prints, as SVG."""
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    printed = subprocess.run(
        [sys.executable, "-m", "plogq", *command],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Text.from_ansi(printed.stdout.rstrip()))
    title = " ".join(["plogq", *command])
    made = console.export_svg(title=title, theme=MONOKAI, unique_id=f"plogq-{name}")
    return _FONTS.sub("", made).replace("Fira Code", "ui-monospace")


def main(folder: Path = ROOT / "docs" / "images") -> None:
    """Draw every command into a folder."""
    for name, command in COMMANDS.items():
        (folder / f"{name}.svg").write_text(picture(name, command), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
