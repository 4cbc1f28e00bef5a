"""Run in a process of its own: the kernels are compiled for a GPU that is not there.

In place of a launch stands a compilation of what would have been launched. What each program needs
is printed, a line of JSON each.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from triton.runtime.jit import JITFunction

from plogq.algebra.measure import Background, Measure
from plogq.algebra.scores import BinaryScores, Projection, Scores, Versus
from plogq.algebra.yes_no import BinaryMeasure
from plogq.frameworks.torch.triton import binding, layout, pairs_binding
from plogq.frameworks.torch.triton import linear_binding as products

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
TYPES = {
    torch.float64: "*fp64",
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.int64: "*i64",
    torch.int32: "*i32",
    torch.int8: "*i8",
    torch.uint8: "*u8",
}
HOW = ("num_warps", "num_stages", "maxnreg")
# What any device since Ampere lends a program.
SHARED = 101376


def needs(cubin: bytes) -> dict[str, int]:
    """Registers of a thread, and how many instructions move some to memory and back."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        use = _asked("cuobjdump", "-res-usage", file.name)
        found = {k: int(n) for k, n in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", use)}
        # What has no memory of its own moves nothing there, and need not be disassembled, which
        # takes longer than compiling it.
        own = found["STACK"] + found["LOCAL"]
        code = _asked("nvdisasm", "-c", file.name) if own else ""
    return {"registers": found["REG"], "spills": len(re.findall(r"\b(?:LDL|STL)\b", code))}


def _asked(tool: str, *given: str) -> str:
    """What a tool of Triton's wheel says."""
    path = Path(triton.__file__).parent / "backends/nvidia/bin" / tool
    return subprocess.run([path, *given], capture_output=True, text=True, check=True).stdout


class Compiler:
    """Stands in for a launch."""

    def __init__(self, name: str) -> None:
        self.name, self.target, self.part, self.seen = name, TARGETS[name], "", set[str]()

    def run(self, function: Any, *args: Any, grid: Any, warmup: bool, **options: Any) -> None:
        how = {k: options.pop(k) for k in HOW if k in options}
        if self.target.backend == "hip":
            how.pop("maxnreg", None)  # which the binding asks for on CUDA only
        values = dict(zip(function.arg_names, args)) | options  # noqa: B905 - the rest by name
        if "WIDEN" in values:
            values["WIDEN"] = False  # which is for the interpreter
        signature, constants, facts = {}, {}, {}
        for i, name in enumerate(function.arg_names):
            x = values[name]
            if function.params[i].is_constexpr or x is None or (type(x) is int and x == 1):
                signature[name], constants[(i,)] = "constexpr", x
            elif isinstance(x, torch.Tensor):
                signature[name], facts[(i,)] = TYPES[x.dtype], [["tt.divisibility", 16]]
            elif type(x) is int:
                signature[name] = "i32" if abs(x) < 2**31 else "i64"
                if x % 16 == 0:
                    facts[(i,)] = [["tt.divisibility", 16]]
            else:
                signature[name] = "fp32"
        key = repr((self.part, function.__name__, signature, constants, facts, how))
        if key in self.seen:
            return
        self.seen.add(key)
        made = compile(ASTSource(function, signature, constants, facts), self.target, how)
        cubin = made.asm.get("cubin")
        names = {function.arg_names[i]: v for (i,), v in constants.items()}
        found = {
            "target": self.name,
            "part": self.part,
            "kernel": f"{function.__module__.rpartition('.')[2]}.{function.__name__}",
            "constants": {k: v for k, v in names.items() if k.isupper() and v is not None},
            "none": sorted(k for k, v in names.items() if v is None),
            "types": sorted({s for s in signature.values() if s[0] == "*"}),
            "shared": made.metadata.shared,
            **({"spills": None} if cubin is None else needs(cubin)),
            "binary": len(made.asm.get("cubin") or made.asm.get("hsaco") or b""),
        }
        print(json.dumps(found), flush=True)


N, K, D = 256, 512, 128


def labels(entries: int, value: bool) -> Measure:
    shape = (N, entries)
    index = torch.zeros(shape, dtype=torch.int64)
    return Measure((N,), K, index, torch.ones(shape, dtype=torch.float64) if value else None)


def soft(dtype: torch.dtype, weighted: bool, smoothed: bool) -> Measure:
    each = torch.ones(N, dtype=torch.float64) if weighted else None
    classes = torch.ones(K, dtype=torch.float64) if weighted else None
    factor = torch.ones(N, dtype=torch.float64)
    background = (Background(factor, classes),) if smoothed else ()
    dense = torch.zeros(N, K, dtype=dtype)
    return Measure((N,), K, None, None, dense, 1, each, classes, None, background)


def measures(dtype: torch.dtype) -> Iterator[Measure]:
    """Every part that a measure can have, alone and with others."""
    yield labels(1, False)
    yield labels(1, True)
    yield labels(3, True)
    smoothed = labels(1, True)
    smoothed.background = (Background(torch.ones(N, dtype=torch.float64)),)
    yield smoothed
    yield soft(dtype, False, False)
    both = soft(dtype, True, True)
    both.index, both.value = labels(3, True).index, labels(3, True).value
    yield both


def drive(kernel: Any, measure: Any, scores: Any, entire: bool = True) -> None:
    """Forward and backward, with all that may flow back or with as little as may."""
    events = measure.target.shape if isinstance(measure, BinaryMeasure) else measure.events
    forward = kernel.forward(measure, scores, log_z=entire)
    upstream = torch.ones(events)
    kernel.backward(
        measure, scores, forward.residual, upstream if entire else 0.5, upstream if entire else 0.0
    )
    if isinstance(kernel, binding.Stored) and not isinstance(measure, binding.Unread):
        kernel.fused(measure, scores, 0.5, 0.01 if entire else 0.0)


def stored(dtypes: tuple[torch.dtype, ...], whole: bool) -> None:
    """Each part of a measure along rows; of the rest, that which meets other lines of a kernel."""
    for dtype in dtypes:
        every = list(measures(dtype))
        # 16 bits differ in what is read and written only, soft caps and columns in a few lines:
        # for those, plain labels, and all that a measure can have at once.
        some = [every[0], every[-1]]
        first = whole and dtype is dtypes[0]
        ways = [(measure, 1, None) for measure in (every if first else some)]
        if first:
            ways += [(measure, 1, 30.0) for measure in some]
            ways += [(measure, 0, None) for measure in some]
        elif dtype is torch.float16:
            # A kernel that takes one type of 16 bits takes the other; each meets it once.
            ways = [(every[4], 1, None)]
        for i, (measure, axis, softcap) in enumerate(ways):
            x = torch.zeros((N, K) if axis else (K, N), dtype=dtype)
            if measure.dense is not None and not axis:
                measure = replace(measure, dense=measure.dense.T.contiguous(), axis=0)
            drive(binding.stored, measure, Scores("logits", x, axis, softcap), i % 2 == 0)
        raw = binding.Unread((N,), K, labels(1, False).index, ignore=-100)
        drive(binding.stored, raw, Scores("logits", torch.zeros(N, K, dtype=dtype), 1))
        if dtype is dtypes[0]:
            # Few long rows are split over programs.
            long = torch.zeros(2, 1 << 17, dtype=dtype)
            index = torch.zeros(2, 1, dtype=torch.int64)
            q = Scores("logits", long, 1, 30.0 if whole else None)
            drive(binding.stored, Measure((2,), 1 << 17, index), q, False)
            dense = Measure((2,), 1 << 17, dense=torch.zeros_like(long), axis=1)
            drive(binding.stored, dense, q, False)


def binary(dtypes: tuple[torch.dtype, ...]) -> None:
    """Each kind of target and each dtype of scores, with weights and without by turns."""
    kinds = (dtypes[0], torch.bool, torch.int64, torch.float32)
    for i, (dtype, target) in enumerate(zip((*dtypes, dtypes[0]), kinds, strict=False)):
        x = torch.zeros(N, K, dtype=dtype)
        event = torch.ones(N, K, dtype=torch.float64) if i % 2 else None
        y = BinaryMeasure(torch.zeros(N, K, dtype=target), event=event)
        drive(binding.binary, y, BinaryScores("logits", x), i % 2 == 1)


def pairs(dtypes: tuple[torch.dtype, ...]) -> None:
    """Both functions of two predictions, of either side's gradient and of both by turns."""
    for dtype, (of, wanted) in zip(dtypes, (("kl", (True, False)), ("cross_entropy", (True, True))),
                                   strict=False):  # fmt: skip
        p, q = (Scores("logits", torch.zeros(N, K, dtype=dtype), 1) for _ in range(2))
        events = replace(labels(1, wanted[1]), classes=1)
        scores = Versus(of, p, q, wanted=wanted)
        drive(pairs_binding.pairs, events, scores, wanted[1])


def linear(dtypes: tuple[torch.dtype, ...], whole: bool) -> None:
    """Each part of a measure; a bias, a filter and a soft cap with every other one."""
    for dtype in dtypes:
        hidden, weight, bias = (torch.zeros(s, dtype=dtype) for s in ((N, D), (K, D), (K,)))
        every = list(measures(dtype))
        chosen = every if whole and dtype is dtypes[0] else [every[0], every[-1]]
        for i, measure in enumerate(chosen):
            odd = i % 2 == 1
            q = Projection(
                hidden,
                weight,
                bias if odd else None,
                30.0 if whole and i % 4 > 1 else None,
                2.0**-12 if odd else None,
            )
            drive(products.linear, measure, q, odd)


def real() -> None:
    """What runs at the shapes of the benchmark: Llama 3 8B and Gemma 2 2B, 8192 events, bfloat16.

    The arrays are never written to, so they take no memory.
    """
    for features, classes in ((4096, 128256), (2304, 256000)):
        x = torch.empty(8192, classes, dtype=torch.bfloat16)
        raw = binding.Unread((8192,), classes, torch.zeros(8192, 1, dtype=torch.int64))
        q = Scores("logits", x, 1)
        drive(binding.stored, raw, q, False)
        index = torch.zeros(8192, 1, dtype=torch.int64)
        value = torch.ones(8192, 1, dtype=torch.float64)
        binding.stored.fused(Measure((8192,), classes, index, value), q, 1.0, 0.0, out=x)
        del x, q
        hidden, weight = (torch.empty(n, features, dtype=torch.bfloat16) for n in (8192, classes))
        drive(products.linear, Measure((8192,), classes, index), Projection(hidden, weight), False)


def main(targets: str, *parts: str) -> None:
    """Compile parts of the kernels for one target, or for several with commas between them."""
    assert os.environ.get("TRITON_INTERPRET") != "1"
    layout.INTERPRETED = True
    for target in targets.split(","):
        compiler = Compiler(target)
        JITFunction.run = lambda self, *args, c=compiler, **options: c.run(self, *args, **options)
        # Everything for the least of them; for the others what most programs run.
        whole = target == "sm_80"
        wide = (torch.float32, torch.bfloat16, torch.float16) if whole else (torch.bfloat16,)
        for part in parts:
            compiler.part = part
            if part == "stored":
                stored(wide, whole)
            elif part == "real":
                real()
            elif part == "binary":
                binary(wide)
            elif part == "pairs":
                pairs(wide)
            else:
                linear(wide[:2], whole)


if __name__ == "__main__":
    main(*sys.argv[1:])
