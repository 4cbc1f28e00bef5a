"""Text from files on a terminal, and in JSON: what would command a terminal is written out."""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from plogq.score import score_file
from plogq.score.show import show
from plogq.score.shown import as_json, excerpt, plain, shown
from plogq.score.terminal import say

Write = Callable[..., Path]

# Markup, a tag that nothing opened, an emoji's name, and what clears a screen, moves the cursor,
# sets a title, turns text around, breaks a line, or is no character at all.
NASTY = {
    "a[/x]": "a[/x]",
    "[b]": "[b]",
    ":smile:": ":smile:",
    "\x1b[2J": r"\x1b[2J",
    "\x9b2J": r"\x9b2J",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "a\u202egnp": r"a\u202egnp",
    "\u2066x\u2069": r"\u2066x\u2069",
    "a\rb\nc\td": r"a\rb\nc\td",
    "\x7f\x08\x00": r"\x7f\x08\x00",
    "\u2028": r"\u2028",
    "\ufeffx": r"\ufeffx",
    "\U000e0041": r"\U000e0041",
    "naïve 猫 😀 👩\u200d🔬": "naïve 猫 😀 👩\u200d🔬",
}


def test_what_is_text_and_what_is_shown() -> None:
    for text, expected in NASTY.items():
        assert shown(text) == expected
    assert shown("\udcff") == r"\udcff"


def test_every_character_without_a_shape_is_shown() -> None:
    """By Unicode's own categories; the joiners of words and emoji are text."""
    for code in range(sys.maxunicode + 1):
        c = chr(code)
        if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\u200c\u200d":
            assert shown(c).isascii(), hex(code)
        elif unicodedata.category(c) not in ("Cf", "Cn"):
            assert shown(c) == c, hex(code)


def controls(text: str) -> Iterator[str]:
    for c in text.replace("\n", ""):
        if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\u200c\u200d":
            yield c


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "cp1252", "utf-16"])
def test_json_is_the_real_text_and_safe_to_print(encoding: str) -> None:
    value = {"names": [*NASTY, "\udcff", '"\\', "∞±"], "\x1b": None}
    text = as_json(value, encoding)
    assert json.loads(text) == value
    assert not list(controls(text))
    text.encode(encoding)
    assert ("∞" in text) is (encoding in ("utf-8", "utf-16"))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_report_prints_text_as_text(
    tmp_path: Path, write: Write, encoding: str, terminal: bool
) -> None:
    """Classes, columns, labels that are no class, the file's name: wherever they come."""
    names = [n for n in NASTY if "\0" not in n]
    columns: dict[str, Any] = {f"p_{name}": [1 / len(names)] * 40 for name in names}
    columns["label"] = [*names, *["\x1b[31mred", "[/]", "\u202e"], *(["[b]"] * 40)][:40]
    path = write(columns)
    path = path.rename(tmp_path / "[b]:smile:\x1b[2J\u202e.parquet")
    report = score_file(path)
    assert report.bad_rows == 3
    assert [c.label for c in report.classes] == names
    bytes_ = io.BytesIO()
    file = io.TextIOWrapper(bytes_, encoding=encoding, errors="strict")
    console = Console(file=file, width=120, force_terminal=terminal, no_color=True)
    show(report, console, 50)
    file.flush()
    out = bytes_.getvalue().decode(encoding)
    # rich's own: bold, and back.
    plainly = out.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[33m", "")
    plainly = plainly.replace("\x1b[1;34m", "")
    assert not list(controls(plainly))
    for name, expected in NASTY.items():
        if name in names:
            assert plain(expected, encoding) in plainly
    assert plain(r"[b]:smile:\x1b[2J\u202e.parquet: 40 rows", encoding) in plainly
    assert r"label is \x1b[31mred, which is no class" in plainly
    assert "label is [/], which is no class" in plainly
    # Without letters to draw with, rich draws a table's frame in ASCII.
    firsts = [line.strip(" |").split(" ")[0] for line in plainly.splitlines()]
    assert {":smile:", "[b]"} <= set(firsts)


def test_columns_stay_in_line_where_letters_are_replaced(write: Write) -> None:
    """An ∞ that became longer after the table was laid out would push the others aside."""
    data = {"p0": [0.5, 1.0, 0.25], "p1": [0.5, 0.0, 0.75], "label": [0, 1, 0]}
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(file=file, width=100)
    with console.capture() as captured:
        show(score_file(write(data)), console, 20)
    lines = captured.get().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|class"))
    classes = lines[start - 1 : start + 5]
    assert any("inf" in line for line in classes)
    assert len(set(map(len, classes))) == 1


def test_a_sentence_is_one_line_of_bounded_length(capsys: pytest.CaptureFixture[str]) -> None:
    say("plogq score", "a\nb\x1b[2J" + "x" * 10_000)
    err = capsys.readouterr().err
    assert err.startswith(r"plogq score: a\nb\x1b[2Jxxx")
    assert len(err.splitlines()) == 1
    assert len(err) < 2100
    assert excerpt("x" * 100) == "x" * 80 + "…"


def test_letters_that_an_encoding_lacks() -> None:
    assert plain("1 ± 2, ∞ – 猫…", "ascii") == r"1 +- 2, inf - \u732b..."
    assert plain("1 ± 2", "latin-1") == "1 ± 2"


@pytest.mark.parametrize("width", [10, 20, 36, 79])
def test_no_number_is_cut_short_where_the_terminal_is_narrow(tmp_path: Path, width: int) -> None:
    """A table that does not fit is written row by row."""
    (tmp_path / "x.csv").write_text("p_a,p_b,label\n0.123456,0.876544,a\n0.5,0.5,b\n")
    console = Console(file=io.StringIO(), width=width)
    show(score_file(tmp_path / "x.csv"), console, 20)
    file: Any = console.file
    out = file.getvalue()
    assert max(map(len, out.splitlines())) <= width
    assert not re.search(r"\d\.\d*…", out)
    for number in ("1.3925", "2.0919", "0.1235"):
        assert number in out


def test_long_labels_leave_a_table_a_table(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"p_{'a' * 300},p_b,label\n0.25,0.75,{'a' * 300}\n0.5,0.5,b\n")
    console = Console(file=io.StringIO(), width=80)
    show(score_file(tmp_path / "x.csv"), console, 20)
    file: Any = console.file
    assert re.search(r"^ class +count +H, nats +recall $", file.getvalue(), re.M)
