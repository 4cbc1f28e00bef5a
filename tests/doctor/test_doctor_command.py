"""`plogq doctor`: the program runs as it would alone, whatever it does; the report comes after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ..forked import commands

torch_alone = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

WRONG = """import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
criterion = nn.CrossEntropyLoss()
print("one line")
loss = criterion(model(torch.randn(8, 20)), torch.randint(0, 10, (8,)))
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doctor(*arguments: object, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-m", "plogq", "doctor", *map(str, arguments)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", **env},
    )  # fmt: skip
    assert run.returncode == code, (run.returncode, run.stdout, run.stderr)
    return run


def doctor_loaded(
    *arguments: object, code: int = 0, loads: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """The doctor, and what takes its time besides, was there before."""
    env |= {"COLUMNS": "100", "NO_COLOR": "1"}
    loads += "import plogq.cli, plogq.cli.doctor"
    run = commands(loads).run("doctor", *arguments, env=env)
    assert run.returncode == code, (run.returncode, run.stdout, run.stderr)
    return run


def doctor_with_torch_loaded(
    *arguments: object, code: int = 0, **env: str
) -> subprocess.CompletedProcess[str]:
    """PyTorch, which takes seconds to load, was there before."""
    return doctor_loaded(*arguments, code=code, loads="import torch, plogq.cli.commands; ", **env)


def put(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def said(*arguments: object, code: int = 0, **env: str) -> dict[str, Any]:
    doctor_with_torch_loaded(
        "--format", "json", "--output", "out.json", *arguments, code=code, **env
    )
    return json.loads(Path("out.json").read_text(encoding="utf-8"))


def test_a_script_has_its_own_arguments_name_folder_and_output() -> None:
    put("src/helper.py", "VALUE = 3\n")
    put("src/run.py", "import sys, helper\nprint(sys.argv, __name__, helper.VALUE)\n")
    run = doctor("src/run.py", "--format", "x", "-m")
    assert run.stdout == "['src/run.py', '--format', 'x', '-m'] __main__ 3\n"
    assert "Not seen: nothing: no framework that is watched was imported." in run.stderr


def test_a_module_is_run_by_name() -> None:
    put("pack/__init__.py", "")
    put("pack/train.py", "import sys\nprint(sys.argv[1:], __package__, __name__)\n")
    assert doctor("-m", "pack.train", "--epochs", 1).stdout == "['--epochs', '1'] pack __main__\n"


def test_what_cannot_be_run_is_a_sentence() -> None:
    assert doctor("nothing.py", code=2).stderr == "plogq doctor: there is no file nothing.py\n"
    Path("folder").mkdir()
    assert "without a __main__.py" in doctor("folder", code=2).stderr
    put("ok.py", "")
    bad = doctor("--format", "json", "--output", "no/such/folder/out", "ok.py", code=2)
    assert "cannot be written" in bad.stderr


@pytest.mark.parametrize(
    ("text", "code"),
    [("raise SystemExit(7)", 7), ("import sys; sys.exit()", 0), ("exit('stop')", 1),
     ("1 / 0", 1), ("raise KeyboardInterrupt", 130), ("import sys; sys.argv = None", 0),
     ("import sys; sys.argv.clear()", 0), ("import os; os.chdir('/')", 0),
     ("def broken(:", 1)],
)  # fmt: skip
def test_the_exit_code_is_the_scripts_own(text: str, code: int) -> None:
    put("run.py", text + "\n")
    run = doctor_loaded("run.py", code=code)
    assert "No findings" in run.stderr
    if text == "1 / 0":
        assert "ZeroDivisionError" in run.stderr
        assert "runpy" not in run.stderr
        assert "plogq/doctor" not in run.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_reports_once() -> None:
    put("run.py", "import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\nprint('end')\n")
    run = doctor("run.py")
    assert run.stdout == "end\nend\n"
    assert run.stderr.count("No findings") == 1


def test_nothing_that_a_program_does_not_load_is_loaded_before_it() -> None:
    put("run.py", "import sys\nprint({'torch', 'pyarrow', 'jax', 'keras'} & set(sys.modules))\n")
    assert doctor("run.py").stdout == "set()\n"


def test_a_framework_that_is_half_installed_is_one_line() -> None:
    put("torch/__init__.py", "__version__ = '0.1'\n")
    put("keras.py", "raise ImportError('half of it')\n")
    put("run.py", "import torch\ntry:\n    import keras\nexcept ImportError as e:\n    print(e)\n")
    run = doctor("run.py")
    assert run.stdout == "half of it\n"
    assert "PyTorch (this version cannot be watched)" in " ".join(run.stderr.split())
    assert run.stderr.count("by a fault of plogq's own") == 1


def test_a_framework_that_is_absent_is_the_scripts_own_error() -> None:
    put("run.py", "import no_such_framework\n")
    assert "ModuleNotFoundError" in doctor("run.py", code=1).stderr


@torch_alone
def test_a_misused_loss_is_reported_with_its_place_and_head() -> None:
    put("train.py", WRONG)
    run = doctor("train.py", code=1)
    assert run.stdout == "one line\n"
    assert "PQ001 softmax-before-scores-loss [error]\n  --> train.py:7:8\n" in run.stderr
    assert "head: train.py:4:42" in run.stderr
    assert "within 1.461 to 2.461" in " ".join(run.stderr.split())
    (one,) = said("train.py", code=1)["findings"]
    assert {k: one[k] for k in ("rule", "level", "file", "line", "column")} == {
        "rule": "PQ001", "level": "error", "file": "train.py", "line": 7, "column": 8,
    }  # fmt: skip
    assert one["head"] == {"file": "train.py", "line": 4, "column": 42}
    again = doctor_with_torch_loaded
    github = again("--format", "github", "train.py", code=1).stdout.splitlines()
    assert github[0] == "one line"
    assert github[1].startswith("::error file=train.py,line=7,col=8,title=PQ001")
    again("--format", "sarif", "--output", "out.sarif", "train.py", code=1)
    log = json.loads(Path("out.sarif").read_text(encoding="utf-8"))
    assert [r["ruleId"] for r in log["runs"][0]["results"]] == ["PQ001"]
    put("train.py", WRONG + "raise SystemExit(9)\n")
    again("train.py", code=9)


@torch_alone
def test_the_exit_code_is_0_under_torchrun_and_ranks_are_merged() -> None:
    put("train.py", WRONG)
    ranks = {"TORCHELASTIC_RUN_ID": f"t{os.getpid()}", "WORLD_SIZE": "2", "MASTER_PORT": "1"}
    other = doctor_with_torch_loaded("train.py", RANK="1", **ranks)
    assert "PQ001" not in other.stderr
    seen = said("train.py", RANK="0", **ranks)
    assert [f["rule"] for f in seen["findings"]] == ["PQ001"]
    assert seen["calls"] == 2


RANKS = """import torch
from torch import distributed, nn

distributed.init_process_group("gloo")
net = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1)))
for _ in range(3):
    loss = nn.functional.cross_entropy(net(torch.randn(8, 20)), torch.randint(0, 10, (8,)))
    loss.backward()
distributed.destroy_process_group()
"""


@torch_alone
@pytest.mark.slow
def test_torchrun_starts_two_ranks_and_one_report_comes() -> None:
    put("train.py", RANKS)
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    plogq = ["-m", "plogq", "doctor", "--format", "json", "--output", "out.json", "train.py"]
    run = subprocess.run(
        [sys.executable, "-m", *launch, *plogq], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert [(f["rule"], f["line"]) for f in seen["findings"]] == [("PQ001", 7)]
    assert seen["calls"] == 6


@torch_alone
def test_a_crash_in_a_loss_is_explained() -> None:
    put("train.py", WRONG.replace("(0, 10, (8,))", "(1, 11, (8,)).clamp(min=10)"))
    seen = said("train.py", code=1)
    assert {f["rule"] for f in seen["findings"]} == {"PQ001", "PQ014"}
    assert "failed: IndexError: Target 10 is out of bounds" in seen["crash"]
    assert "values from 10 to 10" in seen["crash"]
    assert "PQ014" in seen["crash"].rpartition("It got")[2]


@torch_alone
@pytest.mark.slow
def test_spawned_processes_are_watched() -> None:
    body = "".join(f"    {line}\n" for line in WRONG.splitlines())
    put(
        "train.py",
        "import multiprocessing as mp\n\n\ndef work():\n" + body + "\n\n"
        "if __name__ == '__main__':\n    p = mp.get_context('spawn').Process(target=work)\n"
        "    p.start()\n    p.join()\n    assert p.exitcode == 0\n",
    )
    doctor("--format", "json", "--output", "out.json", "train.py", code=1)
    (one,) = json.loads(Path("out.json").read_text(encoding="utf-8"))["findings"]
    assert (one["rule"], one["line"]) == ("PQ001", 11)


@torch_alone
@pytest.mark.parametrize("format", ["json", "sarif"])
def test_a_document_on_standard_output_has_nothing_of_the_program_in_it(format: str) -> None:
    put("wrong.py", WRONG + "import os\nos.system('echo from a child')\n")
    run = doctor_with_torch_loaded("--format", format, "wrong.py", code=1)
    assert "PQ001" in json.dumps(json.loads(run.stdout))
    assert "one line\n" in run.stderr
    assert "from a child\n" in run.stderr


@torch_alone
def test_a_program_that_closes_its_output_or_removes_its_folder_is_looked_at() -> None:
    put("closes.py", WRONG + "import sys\nsys.stdout.close()\nsys.stderr.close()\n")
    assert [f["rule"] for f in said("closes.py", code=1)["findings"]] == ["PQ001"]
    gone = "import os, tempfile\nd = tempfile.mkdtemp()\nos.chdir(d)\nos.rmdir(d)\n"
    put("gone.py", gone + WRONG)
    out = Path("gone.json").resolve()
    doctor_with_torch_loaded("--format", "json", "--output", out, "gone.py", code=1)
    seen = json.loads(out.read_text(encoding="utf-8"))
    assert ([f["rule"] for f in seen["findings"]], seen["faults"]) == (["PQ001"], [])
