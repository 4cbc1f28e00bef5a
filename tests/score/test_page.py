"""The page of `plogq report`: what stands in it, what it refuses, and that it is one small file."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plogq
from plogq.score import InputError, Report, Wish, score_file
from tests.test_cli import run

Write = Callable[..., Path]
EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS = EXAMPLES / "digits.parquet"
PICTURES = Wish(pictures=True)
VOID = {"meta", "input", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """The elements of a page, with their text; what is not closed in order is noted."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.wrong: list[str] = []
        self._open: list[tuple[str, list[str]]] = []
        self.feed(text)
        self.close()
        self.wrong += [tag for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        text: list[str] = []
        self.found.append((tag, dict(attrs), text))
        if tag not in VOID:
            self._open.append((tag, text))

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop()[0] != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        for _, text in self._open:
            text.append(data)

    def all(self, tag: str) -> list[str]:
        """The text of every element of a kind."""
        return [" ".join("".join(t).split()) for name, _, t in self.found if name == tag]


@pytest.fixture(scope="module")
def report() -> Report:
    return score_file(DIGITS, Wish(pictures=True, by=("label",)), worst=30)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(report.to_html())


def test_it_is_whole_and_asks_for_nothing(report: Report, page: Page) -> None:
    assert page.wrong == []
    ids = [attrs["id"] for _, attrs, _ in page.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs, _ in page.found:
        for key in ("href", "src", "xlink:href", "aria-labelledby", "for"):
            for part in (attrs.get(key) or "").split():
                target = part.removeprefix("#")
                assert target in ids, part
    for reference in re.findall(r"url\(#([^)]*)\)", report.to_html()):
        assert reference in ids
    assert "http" not in report.to_html().replace("http-equiv", "")


def test_the_numbers_are_said(report: Report, page: Page) -> None:
    text = " ".join(page.all("p"))
    assert "The cross-entropy of 899 events is 0.1268 nats per event (95% interval 0.0975" in text
    assert f"given a probability of {np.exp(-report.cross_entropy):.2%}" in text
    assert "It is right in 96.33% of the events." in text
    assert "has 2.3024 nats: the model takes away 94.49% of that." in text
    assert f"divided by a temperature of {report.temperature:.4f}" in text
    assert f"discrimination), and loses {report.miscalibration:.4f} again" in text


def test_headings_lead_to_every_part(page: Page) -> None:
    assert page.all("h1") == ["digits.parquet"]
    assert page.all("h3") == [
        "What was read", "Losses", "Calibration", "Beside constant predictions", "Classes",
        "Where probability goes", "Slices by label", "Suspicious labels", "Worst rows",
    ]  # fmt: skip
    assert set(page.all("h3")) < set(page.all("a"))


def test_tables_have_captions_and_headings_with_a_scope(page: Page) -> None:
    assert len(page.all("caption")) == len(page.all("table")) == 8
    assert all(page.all("caption"))
    scopes = [attrs.get("scope") for tag, attrs, _ in page.found if tag == "th"]
    assert set(scopes) == {"col", "row"}


def test_pictures_say_what_they_show_and_take_the_colours_of_the_page(page: Page) -> None:
    drawn = [attrs for tag, attrs, _ in page.found if tag == "svg"]
    assert [attrs["role"] for attrs in drawn] == ["img", "img"]
    described = page.all("desc")
    assert "have a loss from" in described[0]
    assert "How often the model is right by what it says" in described[1]
    colours = set()
    for _, attrs, _ in page.found:
        colours |= set(re.findall(r"(?:fill|stroke): ([^;]+)", attrs.get("style") or ""))
    assert {"var(--ink)", "var(--first)", "var(--second)"} < colours
    assert colours <= {"none", "#808080", "var(--ink)", "var(--first)", "var(--second)",
                       "var(--rule)"}  # fmt: skip


def test_rows_and_classes_are_those_of_the_report(report: Report, page: Page) -> None:
    rows = page.all("tr")
    for line in report.worst:
        q, h = f"{line.probability:.4f}", f"{line.cross_entropy:.4f}"
        assert f"{line.row:,}{line.label}{q}{line.predicted}{h}" in [
            r.replace(" ", "") for r in rows
        ]
    for line in report.classes:
        want = f"{line.label}{line.count}{line.cross_entropy:.4f}{line.recall:.2%}"
        assert any(r.replace(" ", "").startswith(want) for r in rows)


HOSTILE = [
    "<script>alert(1)</script>", "</style><h1>x", "</title>", "\"'&amp;{{ 7*7 }}{% raw %}", "<!--",
    "\u202eabc\x1b[31m", "שלום", "A" * 3000, "a\x00b\u2028c", "$x_{1}$", "猫", "javascript:x()",
]  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Labels, columns and a name that are markup, commands, or endless."""
    draw = np.random.default_rng(0)
    q = draw.dirichlet(np.ones(len(HOSTILE)), 200)
    table = {f"p_{name}": q[:, k] for k, name in enumerate(HOSTILE)}
    table["label"] = [HOSTILE[k] for k in draw.integers(0, len(HOSTILE), 200)]
    table["<img src=x onerror=alert(3)>"] = [HOSTILE[k % 3] for k in range(200)]
    path = tmp_path / "<b>'&\u202e.parquet"
    pq.write_table(pa.table(table), path)
    return path


def test_text_from_a_file_is_text(hostile: Path) -> None:
    wish = Wish(pictures=True, by=("<img src=x onerror=alert(3)>",))
    page = Page(score_file(hostile, wish).to_html())
    assert page.wrong == []
    tags = {tag for tag, _, _ in page.found}
    assert not tags & {"img", "b"}
    assert sum(tag == "script" for tag, _, _ in page.found) == 1
    assert len(page.all("h1")) == 1
    assert page.all("h1") == [r"<b>'&\u202e.parquet"]
    assert page.all("title")[0] == r"<b>'&\u202e.parquet"
    every = page.all("th")
    for name in HOSTILE[:5]:
        assert name in every
    assert r"\u202eabc\x1b[31m" in every
    assert r"a\x00b\u2028c" in every
    assert "A" * 80 + "…" in every
    for _, attrs, _ in page.found:
        assert not [key for key in attrs if key.startswith("on")]


def test_a_thousand_classes_and_endless_labels_are_two_megabytes_at_most(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    count, rows = 1500, 1500
    names = [f"{'&<' * 60}{k}" for k in range(count)]
    q = draw.dirichlet(np.ones(count), rows)
    np.savez(tmp_path / "x.npz", probs=q, label=np.array(names), classes=np.array(names))
    report = score_file(tmp_path / "x.npz", PICTURES, worst=1500)
    assert report.events == rows
    text = report.to_html()
    assert len(text.encode()) <= 2_000_000
    assert "more are not shown" in text
    assert "In short" in text


@pytest.fixture
def old_and_new(tmp_path: Path) -> tuple[Path, Path]:
    draw = np.random.default_rng(2)
    z = draw.standard_normal((60, 3))
    y = draw.integers(0, 3, 60)
    for name, scale in (("old", 1.0), ("new", 0.5)):
        scores = {f"logit{k}": scale * z[:, k] for k in range(3)}
        pq.write_table(pa.table(scores | {"label": y, "id": np.arange(60)}),
                       tmp_path / f"{name}.parquet")  # fmt: skip
    return tmp_path / "old.parquet", tmp_path / "new.parquet"


def test_several_files_are_compared(old_and_new: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "x.html"
    ended = run("report", *old_and_new, "--by", "label", "--on", "id", "-o", out)
    assert ended.stdout == f"wrote {out}\n"
    page = Page(out.read_text("utf-8"))
    assert page.all("h2") == ["Comparison", "old.parquet", "new.parquet"]
    pair = json.loads(run("compare", *old_and_new, "--on", "id", "--format", "json").stdout)
    found = pair["pairs"][0]
    said = f"{found['difference']:+.4f} ± {found['standard_error']:.4f}"
    assert said in page.all("td")
    title = next(t for t in page.all("h3") if t.startswith("new.parquet against old.parquet"))
    verdict = "not settled" if not found["settled"] else "better"
    assert title.endswith(verdict)
    assert page.all("h3").count("Slices by label") == 2


def test_files_of_other_rows_are_not_compared_and_that_is_said(
    old_and_new: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "x.html"
    ended = run("report", old_and_new[0], DIGITS, "-o", out)
    assert "plogq report: the files are not compared: " in ended.stderr
    page = Page(out.read_text("utf-8"))
    assert page.all("h2") == ["Comparison", "old.parquet", "digits.parquet"]
    assert any(p.startswith("The files are not compared: ") for p in page.all("p"))
    run("report", old_and_new[0], DIGITS, "--on", "label", "-o", out, code=2)


@pytest.mark.parametrize("kind", ["bad rows", "tokens", "multi-label", "infinite", "one row"])
def test_files_of_every_kind(write: Write, kind: str) -> None:
    draw = np.random.default_rng(3)
    q = draw.random(80)
    pair = {"p_a": q, "p_b": 1 - q, "label": ["a", "b"] * 40}
    data: dict[str, Any] = {
        "bad rows": pair | {"p_a": [None, *q[1:]]},
        "tokens": {"logprob": np.log(q)},
        "multi-label": {"p_a": q, "p_b": q[::-1], "y_a": [0, 1] * 40, "y_b": [1, 1, 0, 0] * 20},
        "infinite": pair | {"p_a": [0.0, *q[1:]], "p_b": [1.0, *(1 - q[1:])]},
        "one row": {"p_a": q[:1], "p_b": 1 - q[:1], "label": ["a"]},
    }[kind]
    wishes: dict[str, dict[str, Any]] = {
        "tokens": {"log_likelihood": "logprob"},
        "multi-label": {"multilabel": True, "prediction": "p_*", "target": "y_*",
                        "content": "probs"},
    }  # fmt: skip
    data = {k: v if isinstance(v, list) else v.tolist() for k, v in data.items()}
    report = score_file(write(data), Wish(pictures=True, **wishes.get(kind, {})))
    page = Page(report.to_html())
    assert page.wrong == []
    text = " ".join(page.all("main"))
    assert not re.search(r"\b(nan|None|inf)\b", text)
    said = {"bad rows": "1 bad row is left out.", "tokens": "nats per token",
            "multi-label": "for yes", "infinite": "The cross-entropy of 80 events is ∞: 1 event",
            "one row": "The cross-entropy of 1 event is"}  # fmt: skip
    assert kind == "multi-label" or said[kind] in text


def test_the_command_refuses_in_a_sentence(
    old_and_new: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = old_and_new
    for arguments, sentence in (
        ([old, "-o", old], f"-o would overwrite {old}, which is read"),
        ([old, "-o", tmp_path / "none" / "x.html"], "cannot be written: No such file"),
        ([old, "-o", tmp_path], "cannot be written: Is a directory"),
        ([tmp_path / "none.csv"], "there is no file"),
        ([old] * 13, "it takes 12 files, and these are 13"),
    ):
        ended = run("report", *arguments, code=2)
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
        assert sentence in ended.stderr
        assert ended.stderr.startswith("plogq report: ")
    assert old.read_bytes()[:4] == b"PAR1"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.parquet", "old.parquet"]
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'plogq\[report\]'"):
        score_file(old).to_html()


def test_a_missing_library_is_named_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plogq.score.web.find_spec", lambda name: None if name == "scipy" else 1)
    ended = run("report", tmp_path / "nothing.csv", code=2)
    assert ended.stderr == (
        "plogq report: it needs scipy, which is not installed: pip install 'plogq[report]'\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
def test_a_full_disk(old_and_new: tuple[Path, Path]) -> None:
    ended = run("report", old_and_new[0], "-o", "/dev/full", code=2)
    assert ended.stderr == ("plogq report: /dev/full cannot be written: No space left on device\n")
    assert not os.path.isfile("/dev/full")


def test_standard_output(old_and_new: tuple[Path, Path]) -> None:
    out = run("report", old_and_new[0], "-o", "-").stdout
    assert out.startswith("<!doctype html>")
    assert Page(out).wrong == []


def test_from_python(tmp_path: Path) -> None:
    report = plogq.evaluate([0, 1] * 20, [[0.9, 0.1], [0.4, 0.6]] * 20, name="mine", pictures=True)
    report.save_html(tmp_path / "x.html")
    page = Page((tmp_path / "x.html").read_text("utf-8"))
    assert page.all("h1") == ["mine"]
    assert "Where probability goes" in page.all("h3")
    both = report.compare(plogq.evaluate([0, 1] * 20, [[0.5, 0.5]] * 40, name="other"))
    both.save_html(tmp_path / "y.html")
    assert Page((tmp_path / "y.html").read_text("utf-8")).all("h2") == [
        "Comparison", "mine", "other"
    ]  # fmt: skip
    plain = Page(plogq.evaluate([0, 1] * 20, [[0.9, 0.1], [0.4, 0.6]] * 20).to_html())
    assert "Losses" not in plain.all("h3")
    with pytest.raises(InputError, match="cannot be written"):
        report.save_html(tmp_path / "none" / "x.html")
