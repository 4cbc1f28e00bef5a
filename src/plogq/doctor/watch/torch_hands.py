"""PyTorch, one thread of it: facts followed from function to function, and losses noted."""

from __future__ import annotations

from types import FrameType
from typing import Any, cast

import torch

from ..contracts import CONTRACTS
from ..facts import Array, HandWritten, Made, Place, ungraded
from ..facts import place_of as place_at
from ..lint.moves import stepped
from .bench import Bench, Const, List, Ref, Terms, Tuple, Unknown, Value, settled
from .evidence import Numbers
from .layers import current
from .places import place_of, user_frame
from .store import Store
from .torch_arrays import kind_of, library_of, options_of, plain, read, tells
from .torch_verbs import CONVOLUTIONS, LOSSES, POSITIONS, Plan
from .watch import Watch

_MODULES = torch.nn.modules.__file__.rpartition("__init__")[0]
# Between a function's call and its being seen.
_BETWEEN = frozenset(
    f"{torch.__file__.rpartition('__init__')[0]}{name}"
    for name in ("overrides.py", "functional.py", "_tensor.py", "nn/functional.py",
                 "utils/_contextlib.py", "_jit_internal.py", "_VF.py")
)  # fmt: skip
_LOGS = {Made.LOG_SOFTMAX, Made.LOG_OF_SOFTMAX, Made.LOG_SIGMOID}
_HEADS = {Made.SOFTMAX, Made.LOG_SOFTMAX, Made.LOG_OF_SOFTMAX}
_FLATTENS = frozenset({"view", "reshape", "flatten", "ravel"})


class Hands:
    """One thread's bench, and how it reads tensors."""

    def __init__(self, watch: Watch, store: Store, built: Store, rows: Store) -> None:
        self.watch, self.store = watch, store
        self.built = built  # where modules were made
        self.rows = rows  # of flattened labels: the rows that they came from
        self.bench = Bench(self.where)
        self.frame: FrameType | None = None
        self.found: tuple[Place, str] | None = None

    def at(self, frame: FrameType) -> None:
        """Work is being done for this frame."""
        caller: FrameType | None = frame
        while caller is not None and caller.f_code.co_filename in _BETWEEN:
            caller = caller.f_back
        self.frame, self.found = caller, None

    def where(self) -> tuple[Place, str]:
        """Where the function was called, or where its layer was made."""
        if self.found is None:
            self.found = self._where(self.frame)
        return self.found

    def _where(self, frame: FrameType | None) -> tuple[Place, str]:
        layer = current()
        if layer is not None:
            return layer
        if frame is not None and frame.f_code.co_filename.startswith(_MODULES):
            module = frame.f_locals.get("self")
            known = self.built.get(module)
            if known is not None:
                return known
            place, _ = place_of(user_frame(frame))
            return place, f"nn.{type(module).__name__}" if module is not None else ""
        outer = user_frame(frame)
        place, text = place_of(outer)
        return place, text if outer is frame else ""

    # Reading

    def value(self, x: Any) -> Value:
        """An argument as the verbs take it."""
        if isinstance(x, torch.Tensor):
            known = self.store.get(x)
            return known if known is not None else plain(x)
        if x is None or isinstance(x, bool | int | float | str):
            return Const(x)
        if isinstance(x, tuple | list):
            items = tuple(self.value(i) for i in cast("list[Any]", x)[:64])
            return List(items) if isinstance(x, list) else Tuple(items)
        if isinstance(x, torch.dtype):
            return Ref(str(x))
        if isinstance(x, range):
            return List(())
        return Unknown()

    def knows(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether anything is known of one of the arguments."""
        get = self.store.get
        for x in (*args, *kwargs.values()) if kwargs else args:
            if isinstance(x, torch.Tensor):
                if get(x) is not None:
                    return True
            elif isinstance(x, tuple | list) and any(
                get(i) is not None for i in cast("list[Any]", x)[:16] if isinstance(i, torch.Tensor)
            ):
                return True
        return False

    # Following

    def follow(self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Keep what is known of the result of a function."""
        if plan.kind == "lost":
            if args:
                self.store.drop(args[0])
            return
        if plan.kind == "setitem":
            known = self.store.get(args[0])
            number = isinstance(args[2], int | float)
            if known is not None and not (
                isinstance(known, Array) and known.made is Made.SCORES and number
            ):
                self.store.drop(args[0])
            return
        if plan.name in _FLATTENS and args and isinstance(out, torch.Tensor):
            x = args[0]
            if out.dim() == 1 and x.dim() == 2 and kind_of(x) == "int":
                self.rows.set(out, x)
        if not plan.source and not self.knows(args, kwargs):
            if plan.inplace and args:
                self.store.drop(args[0])
            return
        if plan.kind == "getitem":
            value = self._item(args[0], args[1])
        elif plan.kind == "conv":
            value = self._convolved(plan.name, out)
        elif plan.kind == "resized":
            known = self.store.get(args[0]) if args else None
            keeps = isinstance(known, Array) and known.made is Made.SCORES
            value = stepped(known, "resize", None) if keeps and known is not None else Unknown()
        else:
            value = self._verb(plan, args, kwargs, out)
        self._keep(out, value)
        self._notes()

    def _verb(self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Value:
        name = plan.name
        pos = [self.value(x) for x in args]
        kw = {k: self.value(x) for k, x in kwargs.items() if k not in ("out", "_stacklevel")}
        if plan.swapped:
            pos = pos[::-1]
        if name in ("mul", "multiply", "mul_"):
            pos = self.bench.beside(pos, args[::-1] if plan.swapped else args, _numbers)
        if name == "addmm":
            pos, name = pos[1:], "matmul"
        if name == "linear" and isinstance(out, torch.Tensor):
            x = pos[0]
            pos[0] = x.but(batched=out.dim() >= 2) if isinstance(x, Array) else x
        if name == "softmin":
            name = "softmax"
        return self.bench.do("torch", name, pos, kw)

    def _convolved(self, name: str, out: Any) -> Value:
        place, text = self.where()
        axis = out.dim() - CONVOLUTIONS[name] - 1
        return Array(Made.SCORES, text, place, axis, out.shape[axis], shape=tuple(out.shape),
                     kind="float", batched=axis == 1)  # fmt: skip

    def _item(self, x: Any, key: Any) -> Value:
        known = self.value(x)
        if not isinstance(known, Array):
            return Unknown()
        given = cast("tuple[Any, ...]", key) if isinstance(key, tuple) else (key,)
        if len(given) == 1 and isinstance(key, torch.Tensor) and key.dtype is torch.bool:
            # A mask over the first axes: what is left of them is one.
            gone = key.dim()
            axis = place_at(known.axis, known.rank)
            if axis is not None and axis < gone:
                return Unknown()
            return stepped(known, "slice", None).but(
                axis=None if axis is None else axis - gone + 1, shape=None
            )
        keys: list[Any] = [
            k if isinstance(k, slice) or k is None or k is ... else self._key(known, k)
            for k in given
        ]
        return self.bench.index(known, keys)

    def _key(self, x: Array, key: Any) -> Value:
        """A part of an index; where classes are looked up, by its numbers: 0, 1, 2, … or labels."""
        found = self.value(key)
        if x.made not in _HEADS or x.rank != 2 or not isinstance(found, Array) or found.rank != 1:
            return found
        numbers = read(key) if found.kind == "int" else None
        if numbers is None:
            return found
        in_order = len(numbers) > 1 and bool((numbers == range(len(numbers))).all())
        return found.but(by="arange") if in_order else found.but(made=Made.LABELS)

    def _keep(self, out: Any, value: Any) -> None:
        """Put facts beside the result."""
        if isinstance(out, torch.Tensor):
            self._keep_one(out, value)
        elif isinstance(out, tuple | list):
            slots = getattr(value, "slots", None)
            parts = slots.get("items") if slots else value
            items = getattr(parts, "items", None)
            if isinstance(items, tuple) and len(cast("tuple[Any, ...]", items)) == len(
                cast("list[Any]", out)
            ):
                for o, v in zip(
                    cast("list[Any]", out), cast("tuple[Any, ...]", items), strict=True
                ):
                    if isinstance(o, torch.Tensor):
                        self._keep_one(o, v)

    def _keep_one(self, out: torch.Tensor, value: Any) -> None:
        if isinstance(value, Array):
            if tells(value) and not out.is_nested:
                self.store.set(out, settled(value, tuple(out.shape), kind_of(out)))
                return
        elif isinstance(value, Terms):
            self.store.set(out, value)
            return
        self.store.drop(out)

    def _notes(self) -> None:
        """Hand on what the verbs noted."""
        if not torch.is_grad_enabled():
            self.bench.sums[:] = map(ungraded, self.bench.sums)
        self.bench.hand_on(self.watch.sightings, self._written_at)

    def _written_at(self, _: HandWritten) -> Place | None:
        """The user's line that is at work, if no library stands between."""
        outer = user_frame(self.frame)
        return place_of(outer)[0] if outer is self.frame else None

    # Losses

    def loss(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note a call of a loss."""
        function = CONTRACTS[f"torch.nn.functional.{name}"]
        first = (function.prediction[0], function.target[0])
        given = dict(zip((*first, *POSITIONS[name]), args, strict=False)) | kwargs
        x, y = given.get(first[0]), given.get(first[1])
        if not isinstance(x, torch.Tensor) or not isinstance(y, torch.Tensor):
            return None
        if x.is_nested or y.is_nested:
            return None  # rows of several lengths have no shape
        frame = self.frame
        module = f"torch.nn.{LOSSES[name][1]}"
        of_module = frame is not None and frame.f_code.co_filename.startswith(_MODULES)
        contract = CONTRACTS[module] if of_module else function
        outer = user_frame(frame)
        place, _ = place_of(outer)
        library = library_of(frame, outer)
        options = options_of(given)
        w = given.get("pos_weight") if given.get("pos_weight") is not None else given.get("weight")
        if not isinstance(w, torch.Tensor):
            w = None
        q, p = self.value(x), self.value(y)
        if isinstance(q, Array) and not torch.is_grad_enabled():
            q = q.but(detached=True)
        kind = self.watch.sightings.note(
            contract, place,
            settled(q, tuple(x.shape), kind_of(x)) if isinstance(q, Array) else plain(x),
            settled(p, tuple(y.shape), kind_of(y)) if isinstance(p, Array) else plain(y),
            options, lambda: read(x), lambda: self._read_target(y),
            self._weight(w), None if w is None else lambda: read(w), library,
        )  # fmt: skip
        return contract, place, kind

    def _read_target(self, y: torch.Tensor) -> Numbers | None:
        """The numbers of labels; flattened ones in the rows that they came from."""
        base = y._base if y.dim() == 1 and kind_of(y) == "int" else None
        if base is not None and (base.dim() != 2 or base.numel() != y.numel()):
            base = None
        rows = base if base is not None else self.rows.get(y)
        return read(rows if rows is not None else y)

    def _weight(self, w: torch.Tensor | None) -> Array | None:
        if w is None:
            return None
        found = self.value(w)
        return found if isinstance(found, Array) else plain(w)


def _numbers(x: Any) -> Numbers | None:
    return read(x) if isinstance(x, torch.Tensor) else None


__all__ = ["Hands"]
