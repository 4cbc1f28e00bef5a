"""JAX: every primitive, traced or not, followed by the same verbs."""

from __future__ import annotations

import functools
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import core
from jax._src.array import ArrayImpl

from ..facts import Array, Made, Place
from .bench import Bench, Const, List, Tuple, Unknown, Value, settled
from .evidence import Numbers
from .jax_inputs import Inputs, numbers_of
from .jax_programs import jaxpr_of, outputs
from .jax_verbs import VERBS_OF
from .layers import current
from .places import is_library, place_of, user_frame
from .store import Store
from .unreduced import Unreduced
from .watch import Watch

_CALLS = 12  # of losses before eager operations are no longer looked at
_IDLE = 20_000  # operations since the last loss: the program trains in compiled code by now
_SHORTCUTS = (
    (jax.nn, "softmax log_softmax sigmoid one_hot relu log_sigmoid"),
    (jnp, "argmax squeeze round"),
)


class Jax:
    """One watch of JAX: what is known of its arrays and tracers."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.store = Store()
        self.bench = Bench(self.where)
        self.inputs = Inputs()
        self.unreduced = Unreduced()
        self.calls = self.idle = 0
        watch.watched["JAX"] = jax.__version__
        watch.readers.append(self.describe)
        watch.ticks.append(self.noted)

    def start(self) -> None:
        """Look at every primitive."""
        before = core.Primitive.bind
        watch, jaxes = self.watch, self

        @functools.wraps(before)
        def bind(self: Any, *args: Any, **params: Any) -> Any:
            out = before(self, *args, **params)
            if watch.active and not watch.inside:
                try:
                    jaxes.follow(self.name, args, params, out)
                except Exception as error:
                    watch.fault("JAX", error)
                    if not watch.trusts("JAX"):
                        jaxes.leave()
            return out

        self.before, self.bind = before, bind
        watch.renewals.append(self.renew)
        self.inputs.begin(watch)
        watch.replace(core.Primitive, "bind", bind)
        for module, names in _SHORTCUTS:
            for name in names.split():
                self._shortcut(module, name)
        for holder in (jnp, ArrayImpl):
            for name in ("mean", "sum"):
                self._reduction(holder, name)

    def _reduction(self, holder: Any, name: str) -> None:
        """A mean of arrays that are not traced, which JAX compiled already too."""
        before = getattr(holder, name)

        @functools.wraps(before)
        def reduced(x: Any, *args: Any, **kwargs: Any) -> Any:
            out = before(x, *args, **kwargs)
            if kwargs.get("where") is None:
                self.unreduced.follow(name, [x], out)
            return out

        self.watch.replace(holder, name, reduced)

    def _shortcut(self, module: Any, name: str) -> None:
        """A function that JAX compiled already is not bound again: its result is noted here.

        A library that took the function during an earlier watch has the earlier wrapper: so
        whichever wrapper is called tells the watches of now.
        """
        before = getattr(module, name)

        @functools.wraps(before)
        def function(*args: Any, **kwargs: Any) -> Any:
            out = before(*args, **kwargs)
            for jaxes in list(_known.values()):
                jaxes.made(name, args, kwargs, out)
            return out

        self.watch.replace(module, name, function)

    def made(self, name: str, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        """A function of JAX' own gave this."""
        if not self.watch.active or self.calls > _CALLS or self.watch.inside:
            return
        try:
            if isinstance(out, jax.Array) and self.store.get(out) is None:
                pos = [self.value(x) for x in args]
                kw = {k: self.value(x) for k, x in kwargs.items()}
                self.keep(out, self.bench.do("jax", name, pos, kw))
                self.notes()
        except Exception as error:
            self.watch.fault("JAX", error)

    def leave(self) -> None:
        """Look no more at primitives."""
        core.Primitive.bind = self.before

    def renew(self) -> None:
        """Begin to look anew."""
        self.calls = self.idle = 0
        core.Primitive.bind = self.bind

    def noted(self) -> None:
        """A loss was noted; after enough of them eager code is left alone."""
        self.calls, self.idle = self.calls + 1, 0
        if self.calls >= _CALLS and self.watch.sightings.looked_enough:
            self.leave()

    def where(self) -> tuple[Place, str]:
        """Where in the user's code an operation is."""
        layer = current()
        if layer is not None:
            return layer
        return place_of(user_frame(sys._getframe(2)))

    # Reading

    def value(self, x: Any) -> Value:
        """An argument as the verbs take it."""
        if x is None or isinstance(x, bool | int | float | str):
            return Const(x)
        if isinstance(x, tuple | list):
            items = tuple(self.value(i) for i in x[:64])
            return List(items) if isinstance(x, list) else Tuple(items)
        known = self.store.get(x)
        if known is not None:
            return known
        shape = getattr(x, "shape", None)
        if not isinstance(shape, tuple):
            return Unknown()
        if not shape and not isinstance(x, core.Tracer):
            numbers = self.read(x)
            return Const(numbers.item()) if numbers is not None else Unknown()
        return self.plain(x)

    def plain(self, x: Any) -> Array:
        """What an array shows of itself."""
        shape = tuple(n if isinstance(n, int) else None for n in x.shape)
        return Array(shape=shape, kind=kind_of(x), batched=len(shape) >= 2)

    def array(self, x: Any) -> Array:
        """What is known of an argument of a loss."""
        if not hasattr(x, "shape"):
            x = np.asarray(x)
        known = self.store.get(x)
        return settled(known, x.shape, kind_of(x)) if isinstance(known, Array) else self.plain(x)

    def read(self, x: Any) -> Numbers | None:
        """The numbers of an array that has some by now."""
        return self.inputs.read(x) if isinstance(x, core.Tracer) else numbers_of(x)

    def describe(self, x: Any) -> Any:
        """For Keras: facts and numbers of one of these arrays."""
        return (self.array(x), lambda: self.read(x)) if isinstance(x, jax.Array) else None

    # Following

    def follow(self, name: str, args: Any, params: dict[str, Any], out: Any) -> None:
        """Keep what is known of the results of a primitive."""
        self.idle += 1
        if self.calls and self.idle > _IDLE:
            self.leave()
        called = str(params.get("name", "")) if name in ("jit", "pjit") else name
        self.unreduced.follow(called, args, out[0] if isinstance(out, list) and out else out)
        if name not in VERBS_OF and jaxpr_of(name, params) is None:
            return
        values = [self.value(x) for x in args]
        if called in ("mul", "multiply"):
            values = self.bench.beside(values, args, self.read)
        found = outputs(self.bench, name, values, params)
        if found is not None:
            outs = out if isinstance(out, list | tuple) else [out]
            for o, v in zip(outs, found, strict=False):
                self.keep(o, v)
        self.notes()

    def keep(self, out: Any, value: Any) -> None:
        """Put facts beside a result."""
        if isinstance(value, Array) and hasattr(out, "shape"):
            if value.made is not None or value.by or value.low is not None:
                self.store.set(out, settled(value, tuple(out.shape), kind_of(out)))
        elif not isinstance(value, Array | Unknown | Const) and value is not None:
            self.store.set(out, value)

    def notes(self) -> None:
        """Hand on what the verbs noted."""
        caller = sys._getframe(2)
        self.bench.hand_on(self.watch.sightings, lambda s: s.place if _own(caller) else None)


def _own(frame: Any) -> bool:
    """Whether the user's code calls JAX here, and no other library's."""
    while frame is not None and is_library(frame.f_code):
        name = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if name not in ("jax", "plogq", "functools", "contextlib", "numpy"):
            return False
        frame = frame.f_back
    return frame is not None


def kind_of(x: Any) -> str:
    """The kind of its numbers."""
    kind = jnp.dtype(x.dtype).kind if hasattr(x, "dtype") and _plain(x.dtype) else "O"
    return {"b": "bool", "i": "int", "u": "int"}.get(kind, "float")


def _plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype)


def of(watch: Watch) -> Jax:
    """The watch of JAX, begun if it was not."""
    found = getattr(watch.local, "jax", None) or _known.get(id(watch))
    if found is None:
        begin(watch)
        found = _known[id(watch)]
    return found


_known: dict[int, Jax] = {}


def begin(watch: Watch) -> None:
    """Watch JAX from now on."""
    if id(watch) in _known:
        return
    made = Jax(watch)
    _known[id(watch)] = made
    watch.undo.append(lambda: _known.pop(id(watch), None) and None)
    made.start()


__all__ = ["Jax", "Made", "begin", "of"]
