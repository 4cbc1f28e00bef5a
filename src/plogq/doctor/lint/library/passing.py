"""Methods that give back what they were called on."""

from __future__ import annotations

SAME = frozenset(
    [
        "to",
        "cuda",
        "cpu",
        "train",
        "eval",
        "float",
        "half",
        "double",
        "bfloat16",
        "type",
        "requires_grad_",
        "xpu",
        "mps",
        "share_memory",
        "contiguous",
        "module",
        "compile_",
        "unwrap",
        "get_compiled",
    ]
)
