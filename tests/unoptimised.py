"""What XLA's compiler is told by tests that ask what is called with what: to optimise nothing.

Compiling takes a third of the time then. The numbers of optimised programs are held in `on_jax` and
`on_tensorflow`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest

# XLA's emitters for CPUs vectorise by MLIR, whose passes take longer than the rest of compiling.
EMITTERS = "xla_cpu_use_fusion_emitters"
FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
# A flag that one of the process's XLAs does not know ends it: JAX's all do, of those supported.
with suppress(PackageNotFoundError):
    if tuple(map(int, version("tensorflow-cpu").split(".")[:2])) >= (2, 21):
        FLAGS += f" --{EMITTERS}=false --xla_cpu_parallel_codegen_split_count=1"


def environment(**more: str) -> dict[str, str]:
    """This process's environment with XLA's flags, and with these variables."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()
    return os.environ | {"XLA_FLAGS": flags} | more


@contextmanager
def programs_of_jax() -> Iterator[None]:
    """What JAX compiles inside this block, whatever this process's flags are."""
    import jax
    from jax._src import compiler

    options = compiler.get_compile_options

    def plain(*given: Any, env_options_overrides: Any = None, **more: Any) -> Any:
        told = {EMITTERS: False, **(env_options_overrides or {})}
        return options(*given, env_options_overrides=told, **more)

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", plain)
        yield
    jax.config.update("jax_disable_most_optimizations", before)
    # Numbers of what is to come are those of optimised programs.
    jax.clear_caches()
