"""`plogq lint`: what it prints in each format, its exit codes, what it refuses, what it mends."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from plogq.cli.commands import app
from plogq.doctor.rules import RULES

WRONG = """import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
criterion = nn.CrossEntropyLoss()
loss = criterion(model(torch.randn(8, 20)), torch.randint(0, 10, (8,)))
"""
RIGHT = WRONG.replace(", nn.Softmax(dim=1)", "")
WARNS = """import torch
import torch.nn.functional as F

loss = F.kl_div(F.log_softmax(torch.randn(8, 5), 1), F.softmax(torch.randn(8, 5), 1))
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object, code: int = 0, columns: int = 100) -> Any:
    env = {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}
    result = CliRunner(env=env).invoke(app, ["lint", *map(str, arguments)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def put(name: str, text: str | bytes) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def found(*arguments: object, code: int = 1) -> list[dict[str, Any]]:
    return json.loads(run(*arguments, "--format", "json", code=code).stdout)["findings"]


def test_the_text_names_the_loss_the_head_the_numbers_and_the_mend() -> None:
    put("train.py", WRONG)
    out = run("train.py", code=1).stdout
    assert "PQ001 softmax-before-scores-loss [error]\n  --> train.py:6:8\n" in out
    assert "6 | loss = criterion(model(torch.randn(8, 20))" in out
    assert "head: train.py:4:42  model = nn.Sequential(" in out
    assert "within 1.461 to 2.461" in " ".join(out.split())
    assert "help: give the loss the scores" in out
    assert out.endswith("Found 1 error in 1 file.\n")


@pytest.mark.parametrize("columns", [60, 120])
def test_the_text_holds_at_narrow_and_wide_terminals_without_colour(columns: int) -> None:
    long = WRONG.replace("loss = ", "a_rather_long_name_for_a_loss_that_goes_on = 1 * ")
    put("a/rather/long/path/to/a/training/script/train.py", long)
    put("kl.py", WARNS)
    out = run(".", code=1, columns=columns).stdout
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= columns
    assert [line for line in out.splitlines() if line != line.rstrip()] == []
    marks = [i for i, line in enumerate(out.splitlines()) if line.rstrip().endswith("^")]
    for i in marks:
        source, mark = out.splitlines()[i - 1 : i + 1]
        assert source[mark.index("^")] in "cF"


def test_control_characters_are_shown_and_not_sent() -> None:
    put("train.py", WRONG.replace("loss =", 'name = "\x1b[31m\u202e"; loss ='))
    out = run("train.py", code=1).stdout
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert r"\x1b[31m\u202e" in out


def test_clean_files_exit_with_0() -> None:
    put("train.py", RIGHT)
    assert run("train.py").stdout == "No findings in 1 file.\n"
    assert run().stdout == "No findings in 1 file.\n"


def test_warnings_fail_with_strict_alone() -> None:
    put("kl.py", WARNS)
    assert "[warning]" in run("kl.py").stdout
    run("kl.py", "--strict", code=1)


def test_json_has_what_the_issue_of_it_says() -> None:
    put("train.py", WRONG)
    (one,) = found("train.py")
    assert {k: one[k] for k in ("rule", "name", "level", "file", "line", "column")} == {
        "rule": "PQ001", "name": "softmax-before-scores-loss", "level": "error",
        "file": "train.py", "line": 6, "column": 8,
    }  # fmt: skip
    assert one["head"] == {"file": "train.py", "line": 4, "column": 42}
    assert "2.461" in one["message"]
    assert one["fix"]
    assert one["evidence"] == [
        "the prediction comes from `nn.Softmax(dim=1)` (line 4)",
        "the target comes from `torch.randint(0, 10, (8,))` (line 6)",
    ]
    put("train.py", RIGHT)
    assert found("train.py", code=0) == []


def test_github_escapes_what_its_commands_mean() -> None:
    put("with,comma.py", WRONG)
    out = run("with,comma.py", "--format", "github", code=1).stdout
    assert out.startswith(
        "::error file=with%2Ccomma.py,line=6,col=8,title=PQ001 softmax-before-scores-loss::"
    )
    assert out.count("\n") == 1
    put("with,comma.py", RIGHT)
    assert run("with,comma.py", "--format", "github").stdout == ""


def test_sarif_has_the_parts_that_its_schema_demands() -> None:
    put("a b/train.py", WRONG)
    put("kl.py", WARNS)
    put("bad.py", "cross_entropy(")
    log = json.loads(run(".", "--format", "sarif", code=1).stdout)
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (one,) = log["runs"]
    driver = one["tool"]["driver"]
    assert driver["name"] == "plogq"
    assert [r["id"] for r in driver["rules"]] == list(RULES)
    for r in driver["rules"]:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", r["name"])
        assert r["defaultConfiguration"]["level"] in {"error", "warning", "note", "none"}
        assert set(r["help"]) == {"text", "markdown"}
    assert [r["ruleId"] for r in one["results"]] == ["PQ001", "PQ017"]
    for r in one["results"]:
        assert driver["rules"][r["ruleIndex"]]["id"] == r["ruleId"]
        assert r["level"] in {"error", "warning"}
        assert r["message"]["text"]
        region = r["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] >= 1
        assert region["startColumn"] >= 1
    place = one["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b/train.py"
    assert one["results"][0]["relatedLocations"][0]["message"]["text"]
    (note,) = one["invocations"][0]["toolExecutionNotifications"]
    assert "syntax error" in note["message"]["text"]


def test_output_goes_to_a_file() -> None:
    put("train.py", WRONG)
    for format in ("text", "json", "sarif", "github"):
        result = run("train.py", "--format", format, "--output", f"out.{format}", code=1)
        assert result.stdout == ""
        assert "PQ001" in Path(f"out.{format}").read_text(encoding="utf-8")
    bad = run("train.py", "--output", "no/such/folder", code=2)
    assert "cannot be written" in bad.stderr


# What is asked for


def test_rules_are_selected_and_ignored_by_code_or_beginning() -> None:
    put("train.py", WRONG)
    put("kl.py", WARNS)
    assert [f["rule"] for f in found(".")] == ["PQ017", "PQ001"]
    assert [f["rule"] for f in found(".", "--select", "PQ001")] == ["PQ001"]
    assert [f["rule"] for f in found(".", "--select", "pq01", code=0)] == ["PQ017"]
    assert [f["rule"] for f in found(".", "--ignore", "PQ00", code=0)] == ["PQ017"]
    assert [f["rule"] for f in found(".", "--select", "PQ0", "--ignore", "PQ017")] == ["PQ001"]
    assert "there is no rule PQ9" in run("--select", "PQ9", code=2).stderr


def test_a_comment_silences_its_line() -> None:
    put("train.py", WRONG.rstrip() + "  # plogq: ignore[PQ001]\n")
    assert found("train.py", code=0) == []
    put("train.py", WRONG.rstrip() + "  # plogq: ignore\n")
    assert found("train.py", code=0) == []
    put("train.py", WRONG.rstrip() + "  # plogq: ignore[PQ002, PQ003]\n")
    assert len(found("train.py")) == 1
    several = WRONG.replace("loss = criterion(", "loss = criterion(\n    ")
    put("train.py", several.rstrip()[:-1] + "\n)  # plogq: ignore[PQ002, PQ001]\n")
    assert found("train.py", code=0) == []


def test_settings_stand_in_pyproject() -> None:
    put("train.py", WRONG)
    put("old/train.py", WRONG)
    put("kl.py", WARNS)
    put(
        "pyproject.toml",
        '[tool.plogq.lint]\nselect = ["PQ001", "PQ017"]\nexclude = ["old"]\n'
        '[tool.plogq.lint.per-file-ignores]\n"kl.py" = ["PQ017"]\n',
    )
    assert [(f["rule"], f["file"]) for f in found()] == [("PQ001", "train.py")]
    put("pyproject.toml", '[tool.plogq.lint]\nignore = ["PQ001"]\n')
    assert [f["rule"] for f in found(code=0)] == ["PQ017"]
    assert found("--exclude", "kl.py", code=0) == []
    for text, says in (
        ("[tool.plogq.lint]\nselct = []\n", "it takes select, ignore, exclude"),
        ('[tool.plogq.lint]\nselect = ["X1"]\n', "there is no rule X1"),
        ('[tool.plogq.lint]\nselect = "PQ001"\n', "should be a list of texts"),
        ("[tool.plogq\n", "cannot be read as TOML"),
        ("[tool.plogq.lint]\nper-file-ignores = []\n", "a table of patterns"),
    ):
        put("pyproject.toml", text)
        assert says in " ".join(run(code=2).stderr.split())


def test_explain_prints_a_page() -> None:
    out = run("--explain", "pq001").stdout
    assert out.startswith("# PQ001: softmax-before-scores-loss\n")
    assert "plogq: ignore[PQ001]" in out
    assert "there is no rule PQ999" in run("--explain", "PQ999", code=2).stderr


# Bad input


def test_what_does_not_exist_is_refused() -> None:
    assert "there is no file or folder nothing.py" in run("nothing.py", code=2).stderr


def test_a_file_that_cannot_be_read_is_a_sentence_and_the_others_go_on() -> None:
    put("a.py", "def cross_entropy(:\n")
    put("b.py", 'print "cross_entropy"\n')
    put("c.py", b"# cross_entropy \xff\n")
    put("d.py", b"# -*- coding: nonsense -*-\ncross_entropy\n")
    put("e.py", "x = 'cross_entropy" + "x" * 1_000_001 + "'\n")
    put("f.py", "cross_entropy = " + "(" * 300 + "1" + ")" * 300 + "\n")
    put("g.py", "cross_entropy = '" + "x" * 30_000 + "'\n")
    put("h.ipynb", "cross_entropy")
    put("i.py", b"cross_entropy\0")
    put("train.py", WRONG)
    result = run(".", code=1)
    assert "PQ001" in result.stdout
    assert "9 files were not read" in result.stdout
    lines = dict(re.findall(r"^plogq lint: (\w)\.\w+: (.*)$", result.stderr, re.M))
    assert "a syntax error, line 1" in lines["a"]
    assert "Python 2" in lines["b"]
    assert "not text in UTF-8" in lines["c"]
    assert "coding line" in lines["d"]
    assert "more than 1,000,000" in lines["e"]
    assert "nested" in lines["f"]
    assert "20,000 characters" in lines["g"]
    assert "not a Jupyter notebook" in lines["h"]
    assert "i" in lines
    run("a.py", code=2)
    run("e.py", code=2)


def test_deep_code_is_no_crash() -> None:
    chain = "x" + ".cross_entropy" * 900 + "\n"
    sums = "y = " + " + ".join(["x"] * 3000) + "\n"
    calls = "z = " + "f(" * 90 + "x" + ")" * 90 + "\n"
    put("deep.py", "import torch.nn.functional as F\n" + chain + sums + calls)
    run("deep.py", code=0 if not run_refused("deep.py") else 2)
    loop = "import torch.nn.functional as F\ndef f(x):\n    return g(F.cross_entropy(x, x))\n"
    put("loop.py", loop + "def g(x):\n    return f(x)\nf(1)\n")
    run("loop.py")


def run_refused(name: str) -> bool:
    from plogq.doctor.lint.run import lint

    return bool(lint([Path(name)]).refused)


def test_an_encoding_of_its_own_is_read() -> None:
    text = "# -*- coding: latin-1 -*-\n# é\n" + WRONG.replace("criterion", "critère")
    put("train.py", text.encode("latin-1"))
    (one,) = found("train.py")
    assert one["line"] == 8
    put("bom.py", b"\xef\xbb\xbf" + WRONG.encode())
    assert [f["line"] for f in found("bom.py")] == [6]


def test_a_fault_of_ours_is_told_and_ends_one_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from plogq.doctor.lint.verbs import VERBS

    def broken(on: object, args: object) -> None:
        raise TypeError("no such thing")

    monkeypatch.setitem(VERBS, "atanh", broken)
    put("train.py", f"{WRONG}def part(loss):\n    return torch.atanh(loss)\n")
    result = run("train.py", code=1)
    assert "PQ001" in result.stdout
    assert "a fault of plogq's own: TypeError: no such thing" in result.stderr


def test_links_that_lead_back_end() -> None:
    put("project/train.py", WRONG)
    os.symlink("..", "project/up")
    os.symlink("self", "project/self")
    os.symlink("train.py", "project/again.py")
    assert len(found("project")) == 1


def test_a_pipe_in_a_folder_is_not_waited_for() -> None:
    put("project/train.py", WRONG)
    os.mkfifo("project/queue.py")
    assert len(found("project")) == 1
    assert "queue.py: it is no file, but a pipe" in run("project", code=1).stderr


# Fixes


KERAS = """import keras

model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(10)])
model.compile("adam", {loss})
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("keras.losses.SparseCategoricalCrossentropy()",
         "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
        ("keras.losses.SparseCategoricalCrossentropy(ignore_class=0)",
         "keras.losses.SparseCategoricalCrossentropy(ignore_class=0, from_logits=True)"),
        ("keras.losses.CategoricalCrossentropy(from_logits=False)",
         "keras.losses.CategoricalCrossentropy(from_logits=True)"),
        ("'sparse_categorical_crossentropy'",
         "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
        ("keras.losses.CategoricalCrossentropy(\n    label_smoothing=0.1,\n)",
         "keras.losses.CategoricalCrossentropy(\n    label_smoothing=0.1, from_logits=True,\n)"),
    ],
)  # fmt: skip
def test_from_logits_is_written(before: str, after: str) -> None:
    path = put("train.py", KERAS.format(loss=before))
    shown = run("train.py", "--diff", code=1).stdout
    assert path.read_text() == KERAS.format(loss=before)
    assert f"+{after.splitlines()[-1]}" in shown or after.splitlines()[-1] in shown
    run("train.py", "--fix")
    assert path.read_text() == KERAS.format(loss=after)
    assert found("train.py", code=0) == []


def test_batchmean_is_written_and_encoding_and_line_ends_stay() -> None:
    text = "# -*- coding: latin-1 -*-\r\n# é\r\n" + WARNS.replace("\n", "\r\n")
    path = put("kl.py", text.encode("latin-1"))
    assert "Fixed 1 finding" in run("kl.py", "--fix").stderr
    mended = path.read_bytes().decode("latin-1")
    assert mended == text.replace("5), 1))\r\n", '5), 1), reduction="batchmean")\r\n')


def test_what_is_not_local_is_not_mended() -> None:
    path = put("train.py", WRONG)
    run("train.py", "--fix", code=1)
    assert path.read_text() == WRONG
    starred = WARNS.replace("F.softmax(torch.randn(8, 5), 1))", "*rest)")
    path = put("kl.py", starred)
    run("kl.py", "--fix")
    assert path.read_text() == starred


# Notebooks


def notebook(*cells: str) -> str:
    made = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": c.splitlines(True)}
        for c in cells
    ]
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# cross_entropy"]}
    book = {"cells": [text, *made], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1) + "\n"


def test_the_cells_of_a_notebook_are_one_program() -> None:
    lines = WRONG.splitlines(True)
    first = "%matplotlib inline\n!pip install torch\nfiles = !ls\n" + "".join(lines[:2])
    book = notebook(first, "this is no python", "%%bash\nls\n", "".join(lines[2:]))
    put("train.ipynb", book)
    (one,) = found("train.ipynb")
    assert (one["cell"], one["line"], one["head"]["cell"], one["head"]["line"]) == (4, 4, 4, 2)
    out = run("train.ipynb", code=1).stdout
    assert "--> train.ipynb:cell 4:4:8" in out
    assert "4 | loss = criterion(model(" in out
    silent = WRONG.rstrip() + "  # plogq: ignore\n"
    put("train.ipynb", notebook("x = 1\n", silent))
    assert found("train.ipynb", code=0) == []


def test_a_notebook_is_mended_in_its_cell() -> None:
    path = put("kl.ipynb", notebook("x = 1\n", WARNS))
    run("kl.ipynb", "--fix")
    book = json.loads(path.read_text())
    assert "".join(book["cells"][2]["source"]) == WARNS.replace(
        "5), 1))\n", '5), 1), reduction="batchmean")\n'
    )
    assert path.read_text() == notebook("x = 1\n", "".join(book["cells"][2]["source"]))


# Projects


def test_imports_inside_the_project_are_followed() -> None:
    put("pyproject.toml", "")
    put("src/app/__init__.py", "")
    put(
        "src/app/models/net.py",
        "import torch\nfrom torch import nn\nfrom ..config import SIZES\n\n\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.fc = nn.Linear(*SIZES)\n\n    def forward(self, x):\n"
        "        return torch.softmax(self.fc(x), dim=1)\n",
    )
    put("src/app/models/__init__.py", "from .net import Net\n")
    put("src/app/config.py", "import torch\nSIZES = (20, 6)\n")
    put("src/app/losses.py", "from torch import nn\n\n\ndef criterion():\n"
                             "    return nn.CrossEntropyLoss()\n")  # fmt: skip
    for text in (
        "from app.models import Net\nfrom app.losses import criterion\n",
        "from app.models.net import *\nfrom app import losses\ncriterion = losses.criterion\n",
        "import app.models as m\nimport app.losses\nNet, criterion = m.Net, app.losses.criterion\n",
    ):
        put("train.py", f"{text}import torch\nx, y = torch.randn(8, 20), torch.randint(0, 6, (8,))"
                        "\nloss = criterion()(Net()(x), y)\n")  # fmt: skip
        (one,) = found("train.py")
        assert one["rule"] == "PQ001"
        assert one["head"] == {"file": "src/app/models/net.py", "line": 12, "column": 16}
        assert "K = 6" in one["message"]


def test_files_that_import_each_other_end() -> None:
    put("a.py", "from b import y\nfrom torch import nn\nx = y\nnn.CrossEntropyLoss()(x, y)\n")
    put("b.py", "from a import x\nfrom torch import nn\ny = x\n")
    assert found(".", code=0) == []
