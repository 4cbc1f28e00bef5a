"""The reliability curve on terminals of every width and encoding."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plogq.score.calibration import Bin
from plogq.score.terminal_plot import curve, legend

from ..forked import commands

DIGITS = Path(__file__).parents[2] / "examples" / "digits.parquet"


def bins(*points: tuple[float, float]) -> list[Bin]:
    return [
        Bin(q - 0.05, q + 0.05, 100, q, p, (p * (1 - p) / 100) ** 0.5) for q, p in points
    ]  # fmt: skip


@pytest.mark.parametrize("width", [1, 20, 60, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_it_fits_and_says_what_it_shows(width: int, encoding: str) -> None:
    text = curve(bins((0.05, 0.5), (0.5, 0.25), (1.0, 1.0)), width, encoding).plain
    lines = text.split("\n")
    assert max(map(len, lines)) <= max(width, 16)
    text.encode(encoding)
    legend(encoding).encode(encoding)
    point = "●" if encoding == "utf-8" else "o"
    assert legend(encoding).startswith(f"{point} how often it is right")
    body = [line[6:] for line in lines[:-2]]
    across, up = len(lines[-2]) - 6, len(body)
    found = {(x, y) for y, line in enumerate(body) for x, c in enumerate(line) if c == point}
    want = {(round(q * (across - 1)), up - 1 - round(p * (up - 1)))
            for q, p in ((0.05, 0.5), (0.5, 0.25), (1.0, 1.0))}  # fmt: skip
    assert found == want
    assert lines[0].startswith(" 1.0")
    assert lines[-3].startswith(" 0.0")


def test_the_band_is_as_high_as_the_interval() -> None:
    """Of 100 events, 50 right: Wilson's interval is 0.4038 to 0.5962."""
    text = curve(bins((0.5, 0.5)), 120, "utf-8").plain
    body = [line[6:].ljust(61) for line in text.split("\n")[:-2]]
    column = [y for y, line in enumerate(body) if line[30] in "░●·"]
    up = len(body)
    top, bottom = (up - 1 - round(p * (up - 1)) for p in (0.5962, 0.4038))
    assert column == list(range(top, bottom + 1))


def test_one_bin_is_a_point() -> None:
    assert curve(bins((0.0, 0.0)), 60, "utf-8").plain.count("●") == 1


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_the_command_draws_it(locale: str) -> None:
    """It brings --calibration; nothing is wider than the terminal, and nothing is coloured in a
    pipe."""
    process = commands(LC_ALL=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    for columns in (20, 60, 120):
        ended = process.run("score", DIGITS, "--plot", "--worst", 0, "--classes", 0,
                            env={"COLUMNS": str(columns)}, text=False)  # fmt: skip
        assert (ended.returncode, ended.stderr) == (0, b""), columns
        out = ended.stdout.decode("utf-8" if "UTF" in locale else "ascii")
        axis = "└" if "UTF" in locale else "+"
        (bottom,) = (line for line in out.splitlines() if line.startswith(f"     {axis}"))
        assert len(bottom) == min(columns, 67)
        assert "calibration error (15 bins" in " ".join(out.split())
        assert max(map(len, out.splitlines())) <= columns
        # No number is cut short.
        assert not re.search(r"\d\.\d*(…|\.\.\.)", out), columns
        assert "0.1268 ± 0.0149" in out or "0.1268 +- 0.0149" in out
        assert "\x1b" not in out
    process.end()
