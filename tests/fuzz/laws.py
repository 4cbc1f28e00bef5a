"""What must hold between two programs, where a reference is dear or is itself to be doubted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from . import build, draw, on_numpy, values
from .allowed import unit
from .checks import quietly
from .measures import wide
from .notes import Notes
from .program import (
    Labels,
    Linear,
    Probs,
    Program,
    Sparse,
    Stored,
    Weighted,
    text,
)
from .values import Rng

NAMES = ("one-hot", "sparse", "shift", "repeat", "removed", "permuted", "split", "by hand")
K = 1 << 17


def check(rng: Rng, notes: Notes) -> None:
    """One law for one program of labels and stored scores, by one kernel."""
    name = NAMES[int(rng.integers(len(NAMES)))]
    large = rng.random() < 0.02
    events, classes = ((3,), K) if large else draw.size(rng, draw.Limits())
    dtype = values.float_dtype(rng)
    z = values.scores(rng, int(np.prod(events, dtype=int)), classes, dtype, "ordinary")
    if name == "shift":
        z = np.round(z.astype(float) * 4) / 4
    z = np.clip(z.astype(float), -60, 60).astype(dtype).reshape(*events, classes)
    y = rng.integers(0, classes, events)
    arrays = {"p": np.asarray(y), "q": z}
    program = Program(
        "cross_entropy", Labels("p"), Stored("Logits", "q"), arrays, events, classes, "sum"
    )
    kernel = on_numpy.kernels(rng, program)
    with on_numpy.by(kernel), quietly(notes, "law"):
        pair = LAWS[name](rng, program)
    if pair is None:
        return
    # Each side is held to (8 + |ln L|) u of every loss.
    one, other, losses = pair
    with np.errstate(all="ignore"):
        size = np.abs(np.asarray(losses, float))
        each = (8 + np.abs(np.log(np.where(size > 0, size, 1)))) * size
    off = 2 * unit(np.float64 if dtype == np.float64 else np.float32) * (16 + each.sum())
    where = f"law {name}: {dtype.name}{' (2^17 classes)' * large} [{kernel}]"
    detail = f"{one!r} and {other!r}, allowed {off:.3g}\n{text(program)}"
    notes.check(
        bool(np.all(abs(wide(np.asarray(one)) - wide(np.asarray(other))) <= off)), where, detail
    )


def _value(program: Program) -> Any:
    return build.value(program, {n: x.copy() for n, x in program.arrays.items()})


def _losses(program: Program) -> Any:
    return _value(replace(program, reduction="none"))


def _one_hot(rng: Rng, program: Program) -> Any:
    """An index is a row of one 1."""
    y = program.arrays["p"]
    rows = np.zeros((y.size, program.classes))
    rows[np.arange(y.size), y.reshape(-1)] = 1
    soft = replace(
        program.with_arrays({"p": rows.reshape(*y.shape, program.classes)}), p=Probs("p")
    )
    return _value(program), _value(soft), _losses(program)


def _sparse(rng: Rng, program: Program) -> Any:
    """An index is a list of one, or a list that has it twice."""
    y = program.arrays["p"]
    index = np.stack([y, y], -1)
    probs = np.broadcast_to(np.array([0.25, 0.75]), index.shape).copy()
    arrays = {**program.arrays, "index": index, "p": probs}
    return (
        _value(program),
        _value(replace(program, p=Sparse("index", "p"), arrays=arrays)),
        _losses(program),
    )


def _shift(rng: Rng, program: Program) -> Any:
    """A number added to all scores of an event changes nothing; here the sums are exact."""
    z = program.arrays["q"]
    moved = (z.astype(float) + float(rng.choice([-16.0, 8.0, 32.0]))).astype(z.dtype)
    exact = np.array_equal(
        moved.astype(float) - moved.astype(float)[..., :1],
        z.astype(float) - z.astype(float)[..., :1],
    )
    return (
        (_value(program), _value(program.with_arrays({"q": moved})), _losses(program))
        if exact
        else None
    )


def _repeat(rng: Rng, program: Program) -> Any:
    """A weight of w is the event w times."""
    y, z = program.arrays["p"], program.arrays["q"]
    times = rng.integers(0, 4, y.shape)
    weighted = replace(program, p=Weighted(Labels("p"), "w"), arrays={**program.arrays, "w": times})
    flat = times.reshape(-1)
    again = {
        "p": np.repeat(y.reshape(-1), flat),
        "q": np.repeat(z.reshape(-1, z.shape[-1]), flat, 0),
    }
    longer = replace(program, arrays=again, events=(int(flat.sum()),))
    reduction = "mean" if rng.random() < 0.5 else "sum"
    one, other = (_value(replace(p, reduction=reduction)) for p in (weighted, longer))
    return one, other, _losses(longer)


def _removed(rng: Rng, program: Program) -> Any:
    """An ignored event is one that is not there."""
    y, z = program.arrays["p"], program.arrays["q"]
    out = (rng.random(y.shape) < 0.4).reshape(-1)
    ignored = y.reshape(-1).copy()
    ignored[out] = -1
    marked = replace(program, p=Labels("p", -1), arrays={"p": ignored.reshape(y.shape), "q": z})
    rest = {"p": y.reshape(-1)[~out], "q": z.reshape(-1, z.shape[-1])[~out]}
    reduction = "mean" if rng.random() < 0.5 else "sum"
    less = replace(program, arrays=rest, events=(int((~out).sum()),), reduction=reduction)
    return _value(replace(marked, reduction=reduction)), _value(less), _losses(program)


def _permuted(rng: Rng, program: Program) -> Any:
    """The order of the classes means nothing."""
    y, z = program.arrays["p"], program.arrays["q"]
    order = rng.permutation(program.classes)
    place = np.argsort(order)
    moved = program.with_arrays(
        {"p": np.asarray(place[y]), "q": np.ascontiguousarray(z[..., order])}
    )
    return _losses(program), _losses(moved), _losses(program)


def _split(rng: Rng, program: Program) -> Any:
    """A batch is the sum of its parts."""
    y, z = program.arrays["p"], program.arrays["q"]
    if not y.ndim:
        return None
    at = int(rng.integers(y.shape[0] + 1))
    parts = [
        replace(program, arrays={"p": y[s], "q": z[s]}, events=y[s].shape)
        for s in (slice(None, at), slice(at, None))
    ]
    total = sum(float(_value(part)) for part in parts)
    return _value(program), np.float64(total), _losses(program)


def _by_hand(rng: Rng, program: Program) -> Any:
    """Hidden states and a weight that are the scores themselves."""
    z = program.arrays["q"]
    if program.classes > 300:
        return None
    weight = np.eye(program.classes, dtype=z.dtype)
    made = replace(
        program,
        q=Linear("hidden", "weight"),
        arrays={"p": program.arrays["p"], "hidden": z, "weight": weight},
    )
    return _value(program), _value(made), _losses(program)


LAWS = dict(
    zip(
        NAMES,
        (_one_hot, _sparse, _shift, _repeat, _removed, _permuted, _split, _by_hand),
        strict=True,
    )
)
