"""What XLA's compiler is told by tests that start a process: to leave its programs as they are.

Compiling takes half of the time then. Those tests ask what is called with what, not what the
compiler makes of it; the numbers of optimised programs are held in `on_jax` and `on_tensorflow`.
"""

from __future__ import annotations

import os

FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


def environment(**more: str) -> dict[str, str]:
    """This process's environment with XLA's flags, and with these variables."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()
    return os.environ | {"XLA_FLAGS": flags} | more
