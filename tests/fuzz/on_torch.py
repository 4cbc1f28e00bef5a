"""Programs on PyTorch's tensors: autograd once and twice, torch.func, torch.compile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import plogq

from . import build, layouts
from .allowed import Precision
from .checks import Outcome, Way, attempt, hold_second, same
from .draw import Limits
from .mapped import mapped
from .notes import Notes
from .on_numpy import by, changes, frozen, kernels
from .program import Array, Arrays, Labels, Program, Sparse, base, names_of_q, text
from .reference import Truth, second_slope
from .values import BFLOAT16, Rng, pick

LIMITS = Limits(large=0.001)
Tensor = torch.Tensor
Given = dict[str, Any]


def tensor(x: Array) -> Tensor:
    """The same numbers in the same memory."""
    if x.dtype == BFLOAT16:
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x)


def numbers(x: Any) -> Array:
    """A tensor's numbers, as NumPy has them."""
    x = x.detach()
    if x.dtype == torch.bfloat16:
        return x.view(torch.int16).numpy().view(BFLOAT16)
    return x.numpy()


def softmax(x: Tensor) -> Tensor:
    return torch.softmax(x, -1)


def constant(x: Array) -> Any:
    return torch.from_numpy(np.asarray(x))


def gradient(f: Callable[[Tensor], Tensor], at: Array, way: str) -> Array:
    """The gradient of a function that gives a number."""
    if way == "transformed":
        return numbers(torch.func.grad(f)(tensor(at)))
    z = tensor(at).requires_grad_()
    return numbers(torch.autograd.grad(f(z), z)[0])


def floats(program: Program) -> list[str]:
    return [n for n, x in program.arrays.items() if x.dtype.kind not in "iub"]


def explained(program: Program) -> str:
    """The kernel that runs this pair eagerly."""
    given = {n: tensor(x.copy()) for n, x in program.arrays.items()}
    return build.chosen(program, given)


def total(value: Any) -> Any:
    return value.sum() if value.ndim else value


def ways(rng: Rng, program: Program) -> Iterator[Way]:
    names = {"eager": 10, "func": 2, "vmap": 2, "jvp": 2, "changing": 1, "compile": 0.08}
    name = pick(rng, names)
    q = program.q
    plain = program.function == "cross_entropy"
    if name == "vmap" and mapped(program) is not None:
        yield Way("vmap", _vmap, Precision(formula=True), category="vmap", sees=False)
    elif name == "func" and plain:
        yield Way("func", _func, Precision(formula=True), category="torch.func", sees=False)
    elif name == "jvp" and plain and program.shape is None and q is not None:
        seed = int(rng.integers(1 << 30))
        yield Way(
            "jvp", lambda p: _jvp(p, seed), Precision(formula=True), category="jvp", sees=False
        )
    elif name == "changing" and plain and isinstance(base(program.p), Labels | Sparse):
        seed = int(rng.integers(1 << 30))
        yield Way("eager", _plain, _precision(program), more=_changing(seed))
    elif name == "compile" and plain:
        yield Way("compile", _compiled, Precision(formula=True), category="compiled", sees=False)
    else:
        yield _eager(rng, program)


def _precision(program: Program) -> Precision:
    return Precision(formula=explained(program) == "formula")


def _eager(rng: Rng, program: Program) -> Way:
    kernel, seed = kernels(rng, program), int(rng.integers(1 << 30))
    flushed = rng.random() < 0.15 and kernel != "formula"
    formula = kernel == "formula" or explained(program) == "formula"

    def run(program: Program) -> Outcome:
        with by(kernel):
            return _run(program, np.random.default_rng(seed))

    def more(notes: Notes, program: Program, true: Truth, kind: str) -> None:
        if flushed and not formula:
            _flushed(notes, program, kind, run)
        _second(notes, program, true, kind, kernel, seed)

    return Way(kernel, run, Precision(formula=formula), more=more)


def _run(program: Program, rng: Rng) -> Outcome:
    arrays = {n: layouts.laid_out(rng, x, layouts.TORCH) for n, x in program.arrays.items()}
    before = frozen(arrays)
    given = {n: tensor(x) for n, x in arrays.items()}
    wanted = [given[n].requires_grad_() for n in floats(program)]
    value = build.value(program, given)
    found: Arrays = {}
    if value.requires_grad:
        gradients = torch.autograd.grad(total(value), wanted, allow_unused=True)
        pairs = zip(floats(program), gradients, strict=True)
        found = {n: numbers(g) for n, g in pairs if g is not None}
    return Outcome(numbers(value), found, changes(before, arrays))


def _plain(program: Program) -> Outcome:
    return _run(program, np.random.default_rng(0))


def _flushed(notes: Notes, program: Program, kind: str, run: Any) -> None:
    """With subnormal numbers flushed by PyTorch, the kernels give the same bits."""
    if program.shape is not None:
        return  # a function of the loss runs in PyTorch's own operations
    clean = run(program)
    if not torch.set_flush_denormal(True):
        return
    try:
        way = Way("flushed", run)
        outcome = attempt(notes, "flushed mode refused", kind, program, way)
    finally:
        torch.set_flush_denormal(False)
    if outcome is not None:
        q = names_of_q(program.q)
        outcome.gradients = {n: g for n, g in outcome.gradients.items() if n in q}
        clean.gradients = {n: g for n, g in clean.gradients.items() if n in q}
        for found in (clean, outcome):
            # The number that comes back is PyTorch's, which has no subnormal ones then.
            found.value = np.where(abs(found.value) < np.finfo(np.float32).tiny, 0, found.value)
        notes.check(same(clean, outcome), f"flushed mode changes the result: {kind}", text(program))


def _second(notes: Notes, program: Program, true: Truth, kind: str, kernel: str, seed: int) -> None:
    """∂/∂z of the gradient along a direction, by autograd twice."""
    if not twice(program):
        return
    name = names_of_q(program.q)[0]
    along = directions(seed, program.arrays[name].shape)
    given = {n: tensor(x.copy()) for n, x in program.arrays.items()}
    z = given[name].requires_grad_()
    with by(kernel):
        value = total(build.value(program, given))
        (slope,) = torch.autograd.grad(value, z, create_graph=True)
        (slope,) = torch.autograd.grad((slope * torch.from_numpy(along)).sum(), z)
    hold_second(notes, program, true, numbers(slope), second_slope(program, along), kind)


def directions(seed: int, shape: tuple[int, ...]) -> Array:
    """A direction that every floating type holds exactly."""
    return np.random.default_rng(seed).choice([-2.0, -1.0, 0.0, 0.5, 1.0], shape)


def twice(program: Program) -> bool:
    """Whether the reference has a second derivative of this."""
    return (
        program.function == "cross_entropy"
        and program.shape is None
        and not program.z_loss
        and getattr(program.q, "kind", "") in ("Logits", "BinaryLogits")
        and getattr(program.q, "softcap", None) is None
    )


def _func(program: Program) -> Outcome:
    given = {n: tensor(x.copy()) for n, x in program.arrays.items()}
    names = floats(program)

    def loss(of: Given) -> tuple[Tensor, Tensor]:
        with plogq.validation("off"):
            value = build.value(program, {**given, **of})
        return total(value), value

    found, value = torch.func.grad(loss, has_aux=True)({n: given[n] for n in names})
    return Outcome(numbers(value), {n: numbers(g) for n, g in found.items()})


def _vmap(program: Program) -> Outcome:
    """Each event of the first axis on its own, and its gradient."""
    found = mapped(program)
    assert found is not None
    inner, axes = found
    given = {n: tensor(x.copy()) for n, x in program.arrays.items()}
    names = [n for n in names_of_q(program.q) if axes[n] is not None]

    def one(of: Given) -> Any:
        with plogq.validation("off"):
            return build.value(inner, of)

    value = torch.func.vmap(one, in_dims=(axes,))(given)
    gradients: Arrays = {}
    if program.function == "cross_entropy":

        def slope(of: Given) -> Any:
            q = {n: of[n] for n in names}
            return torch.func.grad(lambda q: total(one({**of, **q})))(q)

        out = {n: axes[n] for n in names}
        each = torch.func.vmap(slope, in_dims=(axes,), out_dims=out)(given)
        gradients = {n: numbers(g) for n, g in each.items()}
    return Outcome(numbers(value), gradients)


def _jvp(program: Program, seed: int) -> Outcome:
    """The change along a direction, put in place of the gradient that it is the product with."""
    rng = np.random.default_rng(seed)
    given = {n: tensor(x.copy()) for n, x in program.arrays.items()}
    name = names_of_q(program.q)[0]
    x = program.arrays[name]
    at = tuple(int(rng.integers(n)) for n in x.shape) if x.size else ()
    along = np.zeros(x.shape)
    if x.size:
        along[at] = 1.0

    def loss(z: Tensor) -> Tensor:
        with plogq.validation("off"):
            return build.value(program, {**given, name: z})

    direction = torch.from_numpy(along).to(given[name].dtype)
    value, change = torch.func.jvp(loss, (given[name],), (direction,))
    return Outcome(numbers(value), {f"{name}@{at}": numbers(total(change))} if x.size else {})


def _compiled(program: Program) -> Outcome:
    """A graph of torch.compile, without a compiler behind it."""
    given = {n: tensor(x.copy()) for n, x in program.arrays.items()}
    wanted = [given[n].requires_grad_() for n in floats(program)]
    torch.compiler.reset()
    step = torch.compile(lambda of: build.value(program, of), fullgraph=True, backend="aot_eager")
    value = step(given)
    found: Arrays = {}
    if value.requires_grad:
        gradients = torch.autograd.grad(total(value), wanted, allow_unused=True)
        pairs = zip(floats(program), gradients, strict=True)
        found = {n: numbers(g) for n, g in pairs if g is not None}
    return Outcome(numbers(value), found)


def _changing(seed: int) -> Any:
    """Labels that someone else changes between forward and backward."""

    def more(notes: Notes, program: Program, true: Truth, kind: str) -> None:
        assert program.p is not None
        p, rng = base(program.p), np.random.default_rng(seed)
        assert isinstance(p, Labels | Sparse)
        name = names_of_q(program.q)[0]
        clean = _plain(program).gradients.get(name)
        arrays = {n: x.copy() for n, x in program.arrays.items()}
        given = {n: tensor(x) for n, x in arrays.items()}
        z = given[name].requires_grad_()
        value = total(build.value(program, given))
        y, info = arrays[p.index], np.iinfo(arrays[p.index].dtype)
        odd = [
            v for v in (info.max, info.min, 1000, -5, program.classes) if info.min <= v <= info.max
        ]
        odd = [v for v in odd if not 0 <= v < program.classes]
        if not odd:
            return
        y[...] = odd[int(rng.integers(len(odd)))]
        try:
            (after,) = torch.autograd.grad(value, z)
        except (plogq.PlogqError, RuntimeError):
            return
        got, want = numbers(after).astype(float), np.asarray(clean).astype(float)
        # The layouts of the two differ, and with them the last bits of products.
        good = np.isclose(got, want, rtol=1e-2, atol=1e-6) | np.isnan(got) | (got == want)
        detail = f"{p.index} became {y.reshape(-1)[:1]}\n{got}\n{want}\n{text(program)}"
        notes.check(bool(good.all()), f"labels changed before backward: {kind}", detail)

    return more
