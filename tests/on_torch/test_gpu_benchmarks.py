"""The cases for a GPU, run on the CPU at trying sizes, and what the command says of them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import benchmarks.__main__ as command
from benchmarks import catalogue, device, gpu, machine, report, targets, timing
from benchmarks import device_inputs as made
from benchmarks.case import OURS, Case, Contender, Outcome, Outcomes, Reading, Work

# torch.compile loads what PyTorch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ON_CPU = {case.name: case for case in gpu.cases("cpu")}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    made.forget()


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample is one call."""
    monkeypatch.setattr(device, "_WARM_UPS", 0)
    monkeypatch.setattr(device, "_MOST_CALLS", 1)


class Spoils(torch.autograd.Function):
    """Cross-entropy that writes its gradient over the scores, as Liger-Kernel does."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        loss = F.cross_entropy(x, y)
        gradient = torch.softmax(x.double(), -1) - F.one_hot(y, x.shape[1])
        x.detach().copy_(gradient / len(x))
        ctx.save_for_backward(x.detach())
        return loss

    @staticmethod
    def backward(ctx: Any, d_loss: Any) -> Any:
        return ctx.saved_tensors[0] * d_loss, None


class Stored(torch.nn.Module):
    def forward(self, _input: Any, target: Any) -> Any:
        return Spoils.apply(_input, target)


class Fused(torch.nn.Module):
    def forward(self, lin_weight: Any, _input: Any, target: Any, bias: Any = None) -> Any:
        return F.cross_entropy(F.linear(_input, lin_weight, bias), target)


def cut(e: Any, c: Any, targets: Any, bias: Any = None, *, filter_eps: Any = "auto") -> Any:
    return F.cross_entropy(F.linear(e, c, bias), targets)


def stored(x: Any, target: Any, lse_partial: Any = None) -> Any:
    return F.cross_entropy(x, target)


def chunked(x: Any, weight: Any, target: Any, chunk_size: int = 4096) -> Any:
    return F.cross_entropy(F.linear(x, weight), target)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fused libraries need a GPU; these take the same arguments in the same order."""
    for name, members in (
        ("liger_kernel", {}),
        (
            "liger_kernel.transformers",
            {"LigerCrossEntropyLoss": Stored, "LigerFusedLinearCrossEntropyLoss": Fused},
        ),
        ("cut_cross_entropy", {"linear_cross_entropy": cut}),
        ("quack", {"cross_entropy": stored}),
        ("quack.linear_cross_entropy", {"chunked_linear_cross_entropy": chunked}),
    ):
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)


def inputs(case: Case, kind: str) -> tuple[Any, ...]:
    """What the contenders of a case are given, in float64, at its trying size."""
    if kind == "linear":
        shape, dtype = (128, 32, 2000), "bfloat16"
        hidden = made.hidden(shape, dtype, "cpu").detach().double()
        return (
            hidden,
            made.weight(shape, dtype, "cpu").detach().double(),
            made.labels(128, 2000, "cpu"),
        )
    shape, dtype = ((64, 1000), "float32") if "small" in case.name else ((128, 2000), "bfloat16")
    return made.scores(shape, dtype, "cpu").detach().double(), made.labels(*shape, "cpu")


def truth(case: Case) -> tuple[float, list[Any]]:
    """PyTorch's loss and gradients in float64."""
    kind = "linear" if "linear" in case.name else "labels"
    *floats, y = inputs(case, kind)
    leaves = [x.requires_grad_() for x in floats]
    loss = F.cross_entropy(leaves[0] @ leaves[1].T if kind == "linear" else leaves[0], y)
    loss.backward()
    return loss.item(), [x.grad for x in leaves]


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_CPU)
@pytest.mark.usefixtures("stand_ins", "once")
def test_every_contender_does_the_work_of_its_case(name: str) -> None:
    case = ON_CPU[name]
    work = case.work(True)
    loss, gradients = truth(case)
    assert work.reference is not None
    assert math.isclose(work.reference(), loss, rel_tol=1e-12)
    for contender in work.contenders:
        assert timing.missing(contender) is None
        run = contender.prepare()
        if contender.name == "torch.compile":  # which compiles in its first call, for seconds
            continue
        for _ in range(2):  # the second call starts from the inputs that the first one had
            reading = run()
            assert reading.seconds > 0
            if contender.name in ("copy", "products"):
                assert reading.result is None
                continue
            close = 1e-6 if contender.name.startswith(OURS) else 0.05
            if "forward" in name:
                found = reading.result
            else:
                found, returned = reading.result
                for g, exact in zip(returned, gradients, strict=True):
                    assert (g.double() - exact).norm() <= 0.05 * exact.norm(), contender.title
            assert not found.requires_grad
            assert math.isclose(float(found), loss, rel_tol=close), contender.title


@pytest.mark.usefixtures("once")
def test_the_error_of_a_gradient_is_zero_at_the_exact_one_and_one_at_none() -> None:
    work = ON_CPU["gpu-linear-gemma"].work(True)
    assert work.gradient_error is not None
    _, exact = truth(ON_CPU["gpu-linear-gemma"])
    assert work.gradient_error(exact) < 1e-6
    assert work.gradient_error([torch.zeros_like(g) for g in exact]) == 1
    ours = next(c for c in work.contenders if c.name == OURS).prepare()()
    assert 0 < work.gradient_error(ours.result[1]) < 0.01


def test_a_case_that_was_measured_is_printed_with_its_yardstick_and_targets() -> None:
    case = ON_CPU["gpu-linear-gemma"]
    work = case.work(True)
    chosen = (OURS, "torch", "products")
    kept = tuple(c for c in work.contenders if c.name in chosen)
    small = Work(kept, work.elements, work.reference, work.gradient_error, work.result_bytes)
    rows, left_out = timing.measure(small, 1, lambda _: None)
    assert not left_out
    rows[OURS].memory = 2 * work.result_bytes
    outcomes = Outcomes(case.name, case.title, rows, left_out, work.result_bytes)
    found = report.record(case, outcomes, {}, 1)
    shares = {row["name"]: row["yardstick_share"] for row in found["rows"]}
    assert shares["products"] == 1
    assert shares[OURS] > 0
    header, first, *_ = report.table(found)
    cells = dict(zip(header, first, strict=True))
    assert cells["over the gradients"] == "2.00×"
    assert cells["peak memory"]
    assert cells["error of the gradient"]
    assert any("TFLOP/s)" in title for title in header)
    rate, memory, *_, against_cce = found["targets"]
    assert rate["met"] is False  # on this processor
    assert memory["met"] is True  # at this size; the workspace is that of the real one
    assert against_cce["met"] is None  # Cut Cross-Entropy took no part


def outcomes(**rows: Outcome) -> Outcomes:
    return Outcomes("case", "case", rows, {}, result_bytes=100)


def row(seconds: float, elements: int = 10, memory: int | None = None) -> Outcome:
    return Outcome("name", "title", elements, [seconds], memory)


def test_targets_are_met_from_the_figure_on() -> None:
    share = targets.RateOf("copy", 0.9)
    assert share.judge(outcomes(plogq=row(1.0), copy=row(1.8, 20))).met
    assert share.judge(outcomes(plogq=row(1.0), copy=row(1.7, 20))).met is False
    assert share.judge(outcomes(plogq=row(1.0))).met is None
    rate = targets.Rate(10.0, "10 a second")
    assert rate.judge(outcomes(plogq=row(1.0))).met
    assert rate.judge(outcomes(plogq=row(1.1))).met is False
    assert rate.judge(outcomes()).met is None
    assert targets.OverGradients(1.1, 100).judge(outcomes(plogq=row(1.0, memory=220))).met
    memory = targets.OverGradients(1.1)
    assert memory.judge(outcomes(plogq=row(1.0, memory=110))).met
    assert memory.judge(outcomes(plogq=row(1.0, memory=111))).met is False
    assert memory.judge(outcomes(plogq=row(1.0))).met is None
    other = targets.Faster("cce", 1, who="filter")
    assert other.judge(outcomes(plogq=row(9.0), filter=row(1.0), cce=row(1.0))).met
    assert other.judge(outcomes(plogq=row(0.1), filter=row(1.1), cce=row(1.0))).met is False


def test_memory_that_a_clock_has_read_is_the_row_s() -> None:
    rows, _ = timing.measure(measured(0.5), 3, lambda _: None)
    assert rows[OURS].memory == 64
    assert rows[OURS].samples == [0.5] * 3


@pytest.fixture
def no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


LINE = "The group gpu is left out: no CUDA device was found, so nothing of it was measured.\n"


@pytest.mark.usefixtures("no_device")
@pytest.mark.parametrize("asked", [["gpu"], ["gpu-small", "gpu-linear-qwen"]])
def test_without_a_device_a_run_of_the_group_alone_fails(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*asked, "--quick"]) == 2
    printed = capsys.readouterr()
    assert printed.out == LINE
    assert "nothing that was asked for can be measured" in printed.err


@pytest.mark.usefixtures("no_device")
def test_without_a_device_the_other_cases_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Case("here", "a case of this machine", lambda quick: measured(1.0), memory=False)
    monkeypatch.setitem(command.CASES, "here", here)
    assert command.main(["gpu", "here"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(LINE)
    assert "a case of this machine" in printed.out
    assert not printed.err
    assert command.main(["here", "gpu", "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert [case["name"] for case in json.loads(printed.out)] == ["here"]
    assert printed.err == LINE


def measured(seconds: float) -> Work:
    reading = Reading(seconds, 64, (None, ()))
    return Work((Contender(OURS, "plogq", lambda: lambda: reading, own_clock=True),), 10)


def test_the_memory_column_can_be_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Case("here", "a case", lambda quick: measured(1.0), memory=False, held="peak memory")
    monkeypatch.setitem(command.CASES, "here", here)
    assert command.main(["here"]) == 0
    assert "peak memory" in capsys.readouterr().out
    assert command.main(["here", "--no-memory"]) == 0
    assert "peak memory" not in capsys.readouterr().out


def test_the_sentence_about_the_machine_begins_with_the_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = SimpleNamespace(total_memory=80 << 30)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: found)
    done = SimpleNamespace(stdout="550.54\n550.54\n")
    monkeypatch.setattr(machine.subprocess, "run", lambda *given, **options: done)
    machine.gpu.cache_clear()
    said = machine.sentence(machine.describe() | {"gpu": machine.gpu()})
    machine.gpu.cache_clear()
    assert said.startswith("NVIDIA H100, 80 GiB, driver 550.54, CUDA ")
    assert f"PyTorch {torch.__version__}" in said


def test_a_peer_that_does_not_load_is_left_out_with_what_it_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "unloadable.py").write_text("raise RuntimeError('no CUDA driver\\nat all')")
    monkeypatch.syspath_prepend(tmp_path)
    broken = Contender("it", "it", dict, needs=("unloadable",))
    assert timing.missing(broken) == "unloadable does not load, RuntimeError: no CUDA driver"


def test_the_group_is_listed_with_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(catalogue.GROUPS["gpu"]) == set(ON_CPU)
    assert command.main(["--list"]) == 0
    printed = capsys.readouterr().out
    for name in ON_CPU:
        assert name in printed
    assert "≥ 600 TFLOP/s, on an H100" in printed
    assert "memory ≤ 1.1× the gradients' and the workspace's 5,674 MB" in printed
