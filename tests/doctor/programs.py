"""The corpus: programs that hold a loss wrong, their right twins, and right ones that look alike.

A file of `corpus/` holds many programs. A line `=== name PQ001` begins one and says what is wrong
with it; `(PQ009)` is a rule that no reading of the code decides. A line that ends in `  #wrong`
stands in the wrong program alone, one that ends in `  #right` in its twin. A program without a rule
is right as it is; a wrong one without such lines has no twin. A line `@@ name.py` begins another
file of the program, which the first one imports. What was written before anyone had seen what the
linter says to it stands in `unseen_*.txt`.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from plogq.doctor.findings import Finding
from plogq.doctor.lint.run import lint, lint_text
from plogq.doctor.lint.settings import Settings

CORPUS = Path(__file__).parent / "corpus"
_MARK = re.compile(r"  #(wrong|right)$")
_FILE = re.compile(r"^@@ (\S+)\n", re.M)


@dataclass(frozen=True)
class Program:
    """One program, and the rules that should speak of it."""

    family: str
    name: str
    text: str
    expected: tuple[str, ...]
    undecidable: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.family}-{self.name}"

    @property
    def files(self) -> dict[str, str]:
        """Its files: the one that is run first."""
        first, *others = _FILE.split(self.text)
        return {f"{self.name}.py": first, **dict(zip(others[::2], others[1::2], strict=True))}

    def read(self, settings: Settings | None = None) -> list[Finding]:
        """What the linter says of it."""
        if len(self.files) == 1:
            return lint_text(self.text, f"{self.name}.py", settings)
        with tempfile.TemporaryDirectory() as folder:
            self.write(Path(folder))
            return lint([Path(folder)], settings).findings

    def write(self, folder: Path) -> None:
        """Put its files into a folder."""
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="utf-8")


def programs() -> list[Program]:
    """Every program: the wrong ones, then their twins and the look-alikes."""
    wrong: list[Program] = []
    right: list[Program] = []
    for file in sorted(CORPUS.glob("*.txt")):
        for part in re.split(r"^=== ", file.read_text(encoding="utf-8"), flags=re.M)[1:]:
            head, _, body = part.partition("\n")
            name, *rules = head.split()
            decided = tuple(r for r in rules if not r.startswith("("))
            others = tuple(r.strip("()") for r in rules if r.startswith("("))
            if rules:
                wrong.append(Program(file.stem, name, side(body, "wrong"), decided, others))
                if any(map(_MARK.search, body.split("\n"))):
                    right.append(Program(file.stem, f"{name}-twin", side(body, "right"), ()))
            else:
                right.append(Program(file.stem, name, body, ()))
    return wrong + right


def side(body: str, which: str) -> str:
    """The lines of one of the two twins."""
    out: list[str] = []
    for line in body.split("\n"):
        mark = _MARK.search(line)
        if mark is None:
            out.append(line)
        elif mark[1] == which:
            out.append(line[: mark.start()])
    return "\n".join(out)
