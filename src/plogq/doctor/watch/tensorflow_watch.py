"""TensorFlow: every operation, run or put into a graph, followed by the same verbs."""

# TensorFlow types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportAttributeAccessIssue=false
# pyright: reportUntypedBaseClass=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

import functools
import inspect
import sys
import threading
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_callbacks, tensor_util
from tensorflow.python.util import tf_stack

from ..contracts import CONTRACTS, Contract
from ..facts import Array, Made, Place
from .bench import Bench, Const, Terms, Unknown, Value, settled
from .evidence import Numbers
from .layers import current
from .pipelines import watch_generators
from .places import ORIGINS, is_library_file, place_of, shown, user_frame
from .store import Store
from .tensorflow_verbs import VERBS_OF
from .unreduced import Unreduced
from .watch import Watch

_CALLS = 24  # of losses before eager operations are no longer looked at
_IDLE = 20_000  # operations since the last loss: the program trains in a graph by now


class TensorFlow:
    """One watch of TensorFlow: what is known of its tensors."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.store = Store()
        self.bench = Bench(self.where)
        self.unreduced = Unreduced()
        self.calls = self.idle = 0
        self.place: tuple[Place, str] | None = None
        watch.watched["TensorFlow"] = tf.__version__
        watch.readers.append(self.describe)
        watch.ticks.append(self.noted)

    def start(self) -> None:
        """Look at every operation of this thread and of new ones."""
        self._enter()
        self.watch.undo.append(self.leave)
        self.watch.threads.append(self._enter)
        self.watch.renewals.append(self.renew)
        functions: dict[Any, Any] = {}
        for name, contract in CONTRACTS.items():
            if contract.peer == "tensorflow":
                self._loss(name, contract, functions)

        watch_generators(self.watch)
        ORIGINS.append(origin)
        self.watch.undo.append(lambda: ORIGINS.remove(origin))

    def _enter(self) -> Any:
        if self.watch.active:
            op_callbacks.add_op_callback(self.saw)
            return self.leave
        return None

    def renew(self) -> None:
        """Begin to look anew."""
        self.calls = self.idle = 0
        self.leave()
        self._enter()

    def leave(self) -> None:
        """Look no more at operations."""
        try:
            op_callbacks.remove_op_callback(self.saw)
        except KeyError:
            return

    def where(self) -> tuple[Place, str]:
        """Where in the user's code an operation is."""
        layer = self.place or current()
        return layer if layer is not None else place_of(user_frame(sys._getframe(2)))

    def saw(
        self, kind: Any, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None,
        graph: Any = None,
    ) -> None:  # fmt: skip
        """One operation was run or made."""
        if not self.watch.active or self.watch.inside:
            return
        self.idle += 1
        if self.calls and self.idle > _IDLE:
            self.leave()
        name = kind.decode() if isinstance(kind, bytes) else kind
        verb = VERBS_OF.get(name)
        if not outputs:
            return
        self.unreduced.follow(name, inputs, outputs[0], with_axes=True)
        if verb is None:
            return
        try:
            with self.watch.within():
                value = verb(self, list(inputs), Attributes(attrs), outputs[0])
                self._keep(outputs[0], value)
                self.bench.hand_on(self.watch.sightings, lambda by_hand: by_hand.place)
        except Exception as error:
            self.watch.fault("TensorFlow", error)
            if not self.watch.trusts("TensorFlow"):
                self.leave()

    # Reading

    def value(self, x: Any) -> Value:
        """An argument as the verbs take it."""
        known = self.store.get(x)
        if known is not None:
            return known
        if isinstance(x, bool | int | float | str) or x is None:
            return Const(x)
        if hasattr(x, "shape") and x.shape.rank == 0:
            number = tensor_util.constant_value(x)
            if number is not None and x.dtype != tf.string:
                return Const(number.item())
        return self.plain(x)

    def plain(self, x: Any) -> Value:
        """What a tensor shows of itself."""
        if not hasattr(x, "shape") or x.shape.rank is None:
            return Unknown()
        return Array(shape=shape_of(x), kind=kind_of(x), batched=x.shape.rank >= 2)

    def array(self, x: Any) -> Array:
        """What is known of an argument of a loss."""
        if not tf.is_tensor(x):
            x = tf.convert_to_tensor(x)
        self._walk(x)
        if x.shape.rank is None:
            known = self.store.get(x)
            return known if isinstance(known, Array) else Array(kind=kind_of(x))
        known = self.store.get(x)
        if isinstance(known, Array):
            return settled(known, shape_of(x) or (), kind_of(x))
        found = self.plain(x)
        return found if isinstance(found, Array) else Array()

    def _walk(self, x: Any, depth: int = 16) -> None:
        """Follow a tensor of an old graph back: no callback was there when it was made."""
        op = getattr(x, "op", None) if not hasattr(x, "numpy") else None
        if op is None or depth == 0 or self.store.get(x) is not None:
            return
        verb = VERBS_OF.get(op.type)
        if verb is None:
            return
        for part in op.inputs:
            self._walk(part, depth - 1)
        self.place = _traced(op)
        try:
            given = [item for name in op.node_def.attr for item in (name, op.node_def.attr[name])]
            self._keep(x, verb(self, list(op.inputs), Attributes(given), x))
        finally:
            self.place = None

    def read(self, x: Any) -> Numbers | None:
        """The numbers of a tensor that has some by now."""
        if isinstance(x, np.ndarray | list | tuple):
            return np.asarray(x)
        if not hasattr(x, "numpy") or not isinstance(x, tf.Tensor):
            return None
        try:
            return x.numpy()
        except (NotImplementedError, AttributeError):
            return None

    def describe(self, x: Any) -> Any:
        """For Keras: facts and numbers of one of these tensors."""
        return (self.array(x), lambda: self.read(x)) if isinstance(x, tf.Tensor) else None

    def static(self, x: Any) -> Any:
        """A small constant among the inputs: a shape, a permutation, an axis."""
        if not tf.is_tensor(x):
            return x
        found = tensor_util.constant_value(x)
        return None if found is None else found.tolist()

    # Following

    def _keep(self, out: Any, value: Any) -> None:
        if isinstance(value, Array):
            if value.made is not None or value.by or value.low is not None:
                shape = shape_of(out)
                if shape is not None:
                    self.store.set(out, settled(value, shape, kind_of(out)))
        elif isinstance(value, Terms):
            self.store.set(out, value)

    # Losses

    def _loss(self, name: str, contract: Contract, functions: dict[Any, Any]) -> None:
        path = name.split(".")[1:]
        self._replaced(path, contract, functions)
        if path[0] == "nn":
            self._replaced(["compat", "v1", *path], contract, functions)

    def _replaced(self, path: list[str], contract: Contract, functions: dict[Any, Any]) -> None:
        holder: Any = tf
        for part in path[:-1]:
            holder = getattr(holder, part, None)
        before = getattr(holder, path[-1], None)
        if before is None:
            return
        if before not in functions:
            functions[before] = self._watched(contract, before)
        self.watch.replace(holder, path[-1], functions[before])
        for module in ("tensorflow._api.v2.v2.nn", "tensorflow._api.v2.compat.v1.losses",
                       "tensorflow._api.v2.nn", "tensorflow._api.v2.compat.v1.nn"):  # fmt: skip
            found = sys.modules.get(module)
            if found is not None and getattr(found, path[-1], None) is before:
                self.watch.replace(found, path[-1], functions[before])

    def _watched(self, contract: Contract, before: Any) -> Any:
        signature = inspect.signature(before)

        @functools.wraps(before)
        def loss(*args: Any, **kwargs: Any) -> Any:
            noted: Any = None
            if self.watch.trusts("TensorFlow") and not self.watch.inside:
                try:
                    given = signature.bind(*args, **kwargs).arguments
                    frame = sys._getframe(1)
                    with self.watch.within():
                        noted = self._note(contract, given, frame)
                except TypeError:
                    pass  # TensorFlow says so itself
                except Exception as error:
                    self.watch.fault("TensorFlow", error)
            try:
                with self.watch.within():
                    out = before(*args, **kwargs)
            except Exception as error:
                if noted is not None:
                    self.watch.sightings.failed(noted, f"{type(error).__name__}: {error}")
                raise
            if noted is not None:
                self.unreduced.gave(out, noted[2])
            return out

        return loss

    def _note(self, contract: Contract, given: dict[str, Any], frame: Any) -> Any:
        x, y = given.get(contract.prediction[0]), given.get(contract.target[0])
        if x is None or y is None:
            return None
        outer = user_frame(frame)
        place, _ = place_of(outer)
        library = str(frame.f_globals.get("__name__", ""))
        if library.startswith(("keras", "tensorflow.python.keras")):
            return None  # Keras' own watcher notes it
        options: dict[str, object] = {}
        if "weights" in given or contract.name.startswith("tf.nn."):
            options["reduction"] = "none"
        if isinstance(given.get("axis"), int):
            options["axis"] = given["axis"]
        kind = self.watch.sightings.note(
            contract, place, self.array(x), self.array(y), options, lambda: self.read(x),
            lambda: self.read(y),
        )  # fmt: skip
        self.noted()
        return contract, place, kind

    def noted(self) -> None:
        """A loss was noted; after enough of them eager code is left alone."""
        self.calls, self.idle = self.calls + 1, 0
        if self.calls >= _CALLS and self.watch.sightings.looked_enough:
            self.leave()


class Attributes:
    """The attributes of an operation, eager or in a graph."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def get(self, name: str) -> Any:
        """An attribute as a Python value."""
        items = self.given
        for i in range(0, len(items) - 1, 2):
            if items[i] == name:
                return _plain(items[i + 1])
        return None


def _plain(value: Any) -> Any:
    which = getattr(value, "WhichOneof", None)
    if which is None:
        return value
    kind = which("value")
    if kind == "list":
        return list(value.list.i) or list(value.list.s)
    found = getattr(value, kind)
    return found.decode() if isinstance(found, bytes) else found


def _traced(op: Any) -> tuple[Place, str] | None:
    """Where in the user's code an operation of a graph was made."""
    for frame in reversed(op.traceback or ()):
        if not is_library_file(frame.filename):
            file, cell = shown(frame.filename)
            return Place(file, frame.lineno, 1, cell), frame.line or ""
    return None


def origin(file: str, line: int) -> tuple[str, int] | None:
    """What the user wrote that AutoGraph made a line of, in the thread that it runs in."""
    stack = tf_stack._source_mapper_stacks[threading.get_ident()]
    found = stack[-1].get_effective_source_map().get((file, line))
    return None if found is None else (found[0], found[1])


def shape_of(x: Any) -> tuple[int | None, ...] | None:
    """The lengths of a tensor's axes, None where one is not known."""
    return None if x.shape.rank is None else tuple(x.shape.as_list())


def kind_of(x: Any) -> str:
    """The kind of its numbers."""
    if x.dtype == tf.bool:
        return "bool"
    return "int" if x.dtype.is_integer else "float"


def begin(watch: Watch) -> None:
    """Watch TensorFlow from now on."""
    TensorFlow(watch).start()


__all__ = ["Made", "TensorFlow", "begin"]
