"""The best sizes of each Triton kernel on a GPU: `python -m benchmarks.tune`.

Each kernel runs at the shape of a real model with a few tile sizes, warps and stages, and every
time is printed as it is known, the best last: nothing is lost where the time of a GPU ends.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import product
from typing import Any, NamedTuple
from unittest.mock import patch

import torch

import plogq
from plogq.frameworks.torch.triton import binding, chunked, layout, linear_binding
from plogq.kernels.table import using
from plogq.pairing import prepare

from . import device_inputs as made
from .device import clock
from .gpu import EVENTS, MODELS

Setting = dict[tuple[Any, str], Any]


class Tuned(NamedTuple):
    """A kernel: what is called, and the constants that are tried, each with a name for it."""

    name: str
    call: Callable[[], Any]
    settings: Sequence[tuple[str, Setting]]


def _stored(device: str, shape: tuple[int, int]) -> Iterator[Tuned]:
    x, y = made.scores(shape, "bfloat16", device), made.labels(*shape, device)
    with using("triton"):
        pair = prepare(plogq.Labels(y), plogq.Logits(x))
    kernel, p, q = binding.stored, pair.measure, pair.scores
    known = kernel.forward(p, q).residual
    out = torch.empty_like(x)
    sizes = [
        (f"tile {tile}, {warps} warps", {(layout, "_TILE"): tile, (layout, "_WARPS"): warps})
        for tile, warps in product((1024, 2048, 4096, 8192), (4, 8, 16))
    ]
    yield Tuned("stored.forward", lambda: kernel.forward(p, q), sizes)
    yield Tuned("gradient.backward", lambda: kernel.backward(p, q, known, 1.0, 0.0, out), sizes)
    whole = [
        (f"tile {tile}, {warps} warps", {(binding, "_WHOLE"): tile, (binding, "_WARPS"): warps})
        for tile, warps in product((4096, 8192, 16384), (8, 16, 32))
    ]
    yield Tuned("at_once.fused", lambda: kernel.fused(p, q, 1.0, 0.0, out), whole)


def _linear(device: str, shape: tuple[int, int, int]) -> Iterator[Tuned]:
    hidden, weight = (x(shape, "bfloat16", device) for x in (made.hidden, made.weight))
    y = made.labels(shape[0], shape[2], device)
    given = plogq.Labels(y), plogq.LinearLogits(hidden, weight)
    with using("triton"):
        pair = prepare(*given)
    p, q = pair.measure, pair.scores
    whole = 4 * weight.numel()
    rooms = [
        (f"workspace {share:g} of the weight in float32", {(chunked.chunked, "room"): _room(size)})
        for share in (0.125, 0.25, 0.5, 1.0, 2.0)
        for size in (int(whole * share),)
    ]
    yield Tuned("chunked", lambda: chunked.chunked.fused(p, q, 1.0, 0.0), rooms)
    sizes = [
        (
            f"block {block}, columns {columns}, step {step}, {warps} warps, {stages} stages",
            {(linear_binding, "_sizes"): _sizes(block, columns, step, warps, stages)},
        )
        for block, columns, step, (warps, stages) in product(
            (64, 128), (128,), (32, 64), ((4, 3), (8, 3), (8, 4))
        )
    ]
    tiles = linear_binding.linear
    known = tiles.forward(p, q).residual
    yield Tuned("linear.forward", lambda: tiles.forward(p, q), sizes)
    yield Tuned("linear.backward", lambda: tiles.backward(p, q, known, 1.0, 0.0), sizes)


def _room(size: int) -> Callable[..., int]:
    def room(q: Any, events: int) -> int:
        return size

    return room


def _sizes(*given: int) -> Callable[..., Any]:
    def sizes(hidden: Any, soft: bool) -> Any:
        return linear_binding._Sizes(*given)

    return sizes


def tune(tuned: Tuned, device: str, calls: int) -> tuple[float, str]:
    """Print each setting's seconds as they are known; the best of them."""
    best = (float("inf"), "nothing ran")
    for title, setting in tuned.settings:
        with ExitStack() as stack:
            for (module, name), value in setting.items():
                stack.enter_context(patch.object(module, name, value))
            try:
                tuned.call()
                sample = clock(device, device != "cpu").timed(lambda _: tuned.call())
                seconds = min(float(sample()) for _ in range(calls))
            except Exception as error:  # too much shared memory is an answer too
                said = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:90]}"
                print(f"  {tuned.name:18} {title:56} {said}", flush=True)
                continue
        print(f"  {tuned.name:18} {title:56} {seconds * 1e3:9.3f} ms", flush=True)
        best = min(best, (seconds, title))
    print(f"{tuned.name}: best {best[0] * 1e3:.3f} ms with {best[1]}", flush=True)
    return best


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tune", description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="llama", help="whose shape it is")
    parser.add_argument(
        "--stand-in", action="store_true", help="small, on this processor, by Triton's interpreter"
    )
    given = parser.parse_args(arguments)
    _, features, classes = MODELS[given.model]
    device, events, calls = "cuda", EVENTS, 2
    if given.stand_in:
        if not layout.INTERPRETED:
            print("tune: --stand-in takes TRITON_INTERPRET=1", file=sys.stderr)
            return 2
        device, events, features, classes, calls = "cpu", 64, 16, 128, 1
    elif not torch.cuda.is_available():
        print("tune: no CUDA device was found, so nothing was tuned", file=sys.stderr)
        return 2
    for each in (_linear(device, (events, features, classes)), _stored(device, (events, classes))):
        for tuned in each:
            tune(tuned, device, calls)
        made.forget()
    return 0


if __name__ == "__main__":
    sys.exit(main())
