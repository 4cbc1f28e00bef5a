"""Is this the loss you think it is? Facts about arrays, contracts of losses, rules over both.

The package can be called: `with plogq.doctor():` watches what runs inside, so that one name stands
for the command, the package and the call.

Examples:
    >>> import plogq
    >>> with plogq.doctor() as seen:
    ...     pass  # losses of PyTorch, Keras, TensorFlow, optax, scikit-learn
    >>> seen.findings
    []
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .watch.inside import Checkup


class _Package(ModuleType):
    """This package, which can be called."""

    def __call__(self, *, quiet: bool = False) -> Checkup:
        from .watch.inside import Checkup

        return Checkup(quiet=quiet)


sys.modules[__name__].__class__ = _Package


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext plogq.doctor`: each cell is watched, and what is wrong in it is printed below."""
    from .watch.notebook import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext plogq.doctor`."""
    from .watch.notebook import unload

    unload(shell)
