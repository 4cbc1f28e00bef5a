"""Watching PyTorch: no number changes, nothing breaks, and it gets out of the way."""

from __future__ import annotations

import copy
import sys
import threading
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.optim.optimizer import register_optimizer_step_post_hook  # noqa: E402

import plogq  # noqa: E402
from plogq.doctor.watch import torch_mode  # noqa: E402


def stack() -> list[Any]:
    return list(torch.overrides._get_current_function_mode_stack())


def train(steps: int = 12, softmax: bool = True) -> list[Any]:
    """Losses, gradients, parameters and random states of a training with dropout."""
    torch.manual_seed(3)
    layers = [nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4)]
    net = nn.Sequential(*layers, *([nn.Softmax(dim=1)] if softmax else []))
    opt = torch.optim.Adam(net.parameters())
    seen: list[Any] = []
    for step in range(steps):
        x, y = torch.randn(16, 6), torch.randint(0, 4, (16,))
        opt.zero_grad()
        loss = F.cross_entropy(net(x), y) + nn.BCEWithLogitsLoss()(
            net[0](x)[:, :1], (y > 1).float().unsqueeze(1)
        )
        loss.backward()
        opt.step()
        if step == 8:
            net.eval()
            net.train()
        seen += [loss.detach().clone(), *(p.grad.clone() for p in net.parameters())]
    return [*seen, *(p.detach().clone() for p in net.parameters()), torch.get_rng_state()]


def batch() -> tuple[Any, Any]:
    return torch.randn(8, 4), torch.randint(0, 3, (8,))


def found(program: Any, **options: Any) -> list[str]:
    with plogq.doctor(quiet=True) as seen:
        program()
    assert seen._seen is not None
    assert seen._seen.faults == []
    return [f.rule for f in seen.findings]


def test_losses_gradients_and_random_states_are_those_of_a_run_alone() -> None:
    alone = train()
    with plogq.doctor(quiet=True) as seen:
        watched = train()
    assert [f.rule for f in seen.findings] == ["PQ001"]
    assert len(alone) == len(watched)
    assert all(torch.equal(a, b) for a, b in zip(alone, watched, strict=True))


def test_what_it_put_in_place_is_taken_away() -> None:
    before = (nn.Module.__init__, nn.Module.train, torch.compile, threading.Thread._bootstrap_inner)
    with plogq.doctor(quiet=True):
        assert nn.Module.__init__ is not before[0]
        assert len(stack()) == 1
    after = (nn.Module.__init__, nn.Module.train, torch.compile, threading.Thread._bootstrap_inner)
    assert after == before
    assert stack() == []


def test_it_leaves_after_a_few_steps_and_comes_back_where_the_model_changes_its_use() -> None:
    with plogq.doctor(quiet=True):
        net = nn.Linear(4, 3)
        opt = torch.optim.SGD(net.parameters())
        for _ in range(10):
            loss = F.cross_entropy(net(torch.randn(8, 4)), torch.randint(0, 3, (8,)))
            loss.backward()
            opt.step()
        assert stack() == []
        net.eval()
        assert len(stack()) == 1


def entered(step: Any) -> list[str]:
    """The Python functions that a step enters."""
    names: list[str] = []

    def called(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            names.append(frame.f_code.co_qualname)

    sys.setprofile(called)
    try:
        step()
    finally:
        sys.setprofile(None)
    return names


def test_after_it_has_left_a_step_enters_the_functions_that_it_enters_alone() -> None:
    net, x, y = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), *batch()
    opt, criterion = torch.optim.SGD(net.parameters()), nn.CrossEntropyLoss()

    def step() -> None:
        opt.zero_grad()
        criterion(net(x), y).backward()
        opt.step()

    step()
    alone = entered(step)
    with plogq.doctor(quiet=True):
        for _ in range(10):
            step()
        assert stack() == []
        assert entered(step) == alone
    assert entered(step) == alone


def test_hooks_of_others_on_optimisers_stay() -> None:
    counted: list[int] = []
    opt = torch.optim.SGD(nn.Linear(4, 3).parameters())
    with plogq.doctor(quiet=True):
        other = register_optimizer_step_post_hook(lambda *_: counted.append(1))
        for _ in range(30):
            opt.step()
    opt.step()
    assert len(counted) == 31
    other.remove()
    opt.step()
    assert len(counted) == 31


def test_an_evaluation_after_the_watch_has_left_is_seen() -> None:
    def program() -> None:
        net = nn.Linear(4, 3)
        opt = torch.optim.SGD(net.parameters())
        for _ in range(10):
            F.cross_entropy(net(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
            opt.step()
        net.eval()
        F.nll_loss(net(torch.randn(8, 4)).softmax(1), torch.randint(0, 3, (8,)))

    assert found(program) == ["PQ005"]


def test_an_error_of_ours_is_one_line_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr(torch_mode.Hands, "follow", broken)
    with plogq.doctor(quiet=True) as seen:
        values = train(3)
    assert len(values) > 3
    assert seen._seen is not None
    (line,) = seen._seen.faults
    assert "PyTorch was not followed, by a fault of plogq's own" in line
    assert "ValueError: a fault" in line


def test_a_modes_order_is_never_disturbed() -> None:
    with plogq.doctor(quiet=True), torch.device("cpu"):
        net = nn.Linear(4, 3)
        opt = torch.optim.SGD(net.parameters())
        for _ in range(10):
            F.cross_entropy(net(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
            opt.step()
            net.eval()
            net.train()
        assert type(stack()[-1]).__name__ == "DeviceContext"
    assert stack() == []


def test_threads_are_watched() -> None:
    def program() -> None:
        def work() -> None:
            z = nn.Linear(4, 3)(torch.randn(8, 4))
            F.nll_loss(z, torch.randint(0, 3, (8,)))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert found(program) == ["PQ005"]


def test_arrays_that_have_no_numbers_are_no_error() -> None:
    def program() -> None:
        y = torch.randint(0, 3, (8,))
        F.cross_entropy(nn.Linear(4, 3, device="meta")(torch.empty(8, 4, device="meta")),
                        y.to("meta"))  # fmt: skip
        F.cross_entropy(torch.full((8, 3), float("nan")), y)
        F.cross_entropy(torch.randn(3, 8).to_sparse().to_dense().T, y)
        torch.func.vmap(lambda z, t: F.cross_entropy(z, t))(torch.randn(2, 8, 3), torch.zeros(
            2, 8, dtype=torch.long))  # fmt: skip
        F.binary_cross_entropy_with_logits(torch.randn(4), torch.full((4,), float("nan")))
        F.cross_entropy(torch.randn(0, 3), torch.zeros(0, dtype=torch.long), reduction="sum")
        F.cross_entropy(torch.randn(3), torch.tensor(1))

    assert found(program) == []


def test_copies_and_pickles_of_models_are_as_they_were() -> None:
    with plogq.doctor(quiet=True):
        net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))
        twin = copy.deepcopy(net)
        out = twin(torch.randn(2, 4))
        assert out.__dict__ == {}
        assert set(vars(net[1])) == set(vars(nn.Softmax(1)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_code_is_seen_while_it_runs_eagerly() -> None:
    def program() -> None:
        net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
        model = torch.compile(net)
        F.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 3, (8,)))

    assert found(program) == ["PQ001"]


def test_a_crash_after_the_watch_has_left_is_explained() -> None:
    def program() -> None:
        net = nn.Linear(4, 3)
        opt = torch.optim.SGD(net.parameters())
        for step in range(12):
            y = torch.randint(0, 3, (8,)) + (step == 11) * 3
            F.cross_entropy(net(torch.randn(8, 4)), y).backward()
            opt.step()

    seen = plogq.doctor(quiet=True)
    with pytest.raises(IndexError), seen:
        program()
    assert [f.rule for f in seen.findings] == ["PQ014"]
    assert "IndexError" in seen.report
    assert "PQ014 above says why" in " ".join(seen.report.split())


def test_one_watch_at_a_time_in_one_object() -> None:
    with (
        plogq.doctor(quiet=True) as seen,
        pytest.raises(RuntimeError, match="watching already"),
        seen,
    ):
        pass


def test_the_report_names_the_loss_and_what_made_the_prediction(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with plogq.doctor():
        head = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
        F.cross_entropy(head(torch.randn(8, 4)), torch.randint(0, 3, (8,)))
    said = capsys.readouterr().err
    assert "PQ001 softmax-before-scores-loss [error]" in said
    assert "test_watch_torch.py:" in said
    assert "`nn.Softmax(dim=1)`" in said
    assert "1 call looked at (PyTorch" in " ".join(said.split())
