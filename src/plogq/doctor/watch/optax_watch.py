"""optax's losses: what they got, traced or not."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any

from ..contracts import CONTRACTS, Contract
from ..facts import Array
from .jax_watch import Jax, of
from .places import place_of, user_frame
from .watch import Watch


def begin(watch: Watch) -> None:
    """Watch optax's losses wherever they are named."""
    import optax

    watch.watched["optax"] = optax.__version__
    jax = of(watch)
    done: dict[Any, Any] = {}
    for name, contract in CONTRACTS.items():
        if contract.peer != "optax":
            continue
        module = sys.modules.get(name.rpartition(".")[0])
        function = getattr(module, name.rpartition(".")[2], None)
        if module is None or function is None:
            continue
        if function not in done:
            done[function] = _watched(watch, jax, contract, function)
        watch.replace(module, name.rpartition(".")[2], done[function])
        home = sys.modules.get(function.__module__)
        if home is not None and getattr(home, function.__name__, None) is function:
            watch.replace(home, function.__name__, done[function])


def _watched(watch: Watch, jax: Jax, contract: Contract, before: Any) -> Any:
    signature = inspect.signature(before)

    @functools.wraps(before)
    def loss(*args: Any, **kwargs: Any) -> Any:
        noted: Any = None
        if watch.trusts("optax") and not watch.inside:
            try:
                noted = _note(watch, jax, contract, signature.bind(*args, **kwargs).arguments)
            except TypeError:
                pass  # optax says so itself
            except Exception as error:
                watch.fault("optax", error)
        try:
            with watch.within():
                out = before(*args, **kwargs)
        except Exception as error:
            if noted is not None:
                watch.sightings.failed(noted, f"{type(error).__name__}: {error}")
            raise
        if noted is not None:
            jax.unreduced.gave(out, noted[2])
        return out

    return loss


def _note(watch: Watch, jax: Jax, contract: Contract, given: dict[str, Any]) -> Any:
    x, y = given.get(contract.prediction[0]), given.get(contract.target[0])
    if x is None or y is None:
        return None
    place, _ = place_of(user_frame(sys._getframe(2)))
    options: dict[str, object] = {"reduction": "none"}
    axis = given.get("axis")
    if isinstance(axis, int):
        options["axis"] = axis
    kind = watch.sightings.note(
        contract, place, jax.array(x), jax.array(y), options, lambda: jax.read(x),
        lambda: jax.read(y),
    )  # fmt: skip
    jax.noted()
    return contract, place, kind


__all__ = ["Array", "begin"]
