"""What a name can stand for while a program is read: constants, arrays, layers, functions, objects.

What is not known is `Unknown`, each with a tag of its own, so that two lengths that are the same
unknown number are seen to be the same.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from ..contracts import Contract
from ..facts import Array, Length

if TYPE_CHECKING:
    from .interpreter import Interpreter
    from .modules import Module

_tags = count()


class Unknown:
    """A value that is not known."""

    __slots__ = ("tag",)

    def __init__(self, name: str = "", tag: str = "") -> None:
        self.tag = tag or f"{name}#{next(_tags)}"

    def __repr__(self) -> str:
        return f"Unknown({self.tag})"


@dataclass(frozen=True, slots=True)
class Const:
    """A number, a string, a flag or None that the code shows."""

    value: Any


NONE = Const(None)


@dataclass(frozen=True, slots=True)
class Ref:
    """A name of a library, in full: "torch.nn.functional"."""

    name: str


@dataclass(frozen=True, slots=True)
class Tuple:
    """A tuple whose items are known."""

    items: tuple[Value, ...]


class Slots:
    """An object that can change: every change goes through the interpreter's journal."""

    __slots__ = ("slots",)

    def __init__(self, **slots: Any) -> None:
        self.slots: dict[Any, Any] = slots


class List(Slots):
    """A list; its slot "items" is a tuple, or None where a branch may have changed it."""

    __slots__ = ()

    def __init__(self, items: tuple[Value, ...]) -> None:
        super().__init__(items=items)

    @property
    def items(self) -> tuple[Value, ...] | None:
        return self.slots["items"]


class Dict(Slots):
    """A dictionary with constant keys; `open`: there may be others."""

    __slots__ = ("open",)

    def __init__(self, items: Mapping[Any, Value], open: bool = False) -> None:
        super().__init__()
        self.slots.update(items)
        self.open = open


class Scope(Slots):
    """Names, and the scope around them."""

    __slots__ = ("parent",)

    def __init__(self, parent: Scope | None) -> None:
        super().__init__()
        self.parent = parent

    def find(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            found = scope.slots.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None


@dataclass(eq=False, slots=True)
class Function:
    """A function of the program, or a lambda."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    module: Module
    defaults: tuple[Value, ...] = ()
    kw_defaults: tuple[Value | None, ...] = ()
    decorators: frozenset[str] = frozenset()
    owner: UserClass | None = None
    generator: bool = False

    @property
    def name(self) -> str:
        return getattr(self.node, "name", "lambda")


@dataclass(eq=False, slots=True)
class Method:
    """A function bound to what it was taken from."""

    function: Function
    receiver: Value


class UserClass(Slots):
    """A class of the program."""

    __slots__ = ("bases", "module", "node")

    def __init__(self, node: ast.ClassDef, bases: tuple[Value, ...], module: Module) -> None:
        super().__init__()
        self.node = node
        self.bases = bases
        self.module = module

    def find(self, name: str) -> Any:
        found = self.slots.get(name)
        if found is not None:
            return found
        for base in self.bases:
            if isinstance(base, UserClass):
                found = base.find(name)
                if found is not None:
                    return found
        return None

    def roots(self) -> set[str]:
        """The names in libraries that it comes from."""
        found: set[str] = set()
        for base in self.bases:
            if isinstance(base, UserClass):
                found |= base.roots()
            elif isinstance(base, Ref):
                found.add(base.name)
        return found


class Instance(Slots):
    """An object of a class of the program."""

    __slots__ = ("cls", "made")

    def __init__(self, cls: UserClass) -> None:
        super().__init__()
        self.cls = cls
        self.made: dict[Any, Any] = {}  # the attributes after the constructor


class Record(Slots):
    """An object of a library with a few known attributes."""

    __slots__ = ("name",)

    def __init__(self, name: str, /, **slots: Any) -> None:
        super().__init__(**slots)
        self.name = name


@dataclass(eq=False, slots=True)
class Native:
    """Something that can be called, and what calling it gives."""

    call: Callable[[Interpreter, Args], Value]
    name: str = ""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


class Chain(Slots):
    """Layers one after the other: nn.Sequential, keras.Sequential. Its slot "items" is a tuple."""

    __slots__ = ("keras",)

    def __init__(self, items: tuple[Value, ...] | None, keras: bool = False) -> None:
        super().__init__(items=items)
        self.keras = keras


class Model(Slots):
    """A model with a known output: Keras' functional one, or one of a library.

    Slots: "output" (a value), "loss", "heads" (attributes whose replacement is the new output).
    """

    __slots__ = ("heads",)

    def __init__(self, output: Value, heads: tuple[str, ...] = ()) -> None:
        super().__init__(output=output)
        self.heads = heads


@dataclass(eq=False, slots=True)
class Loss:
    """A loss with its options set."""

    contract: Contract
    options: dict[str, Value]
    node: ast.expr
    module: Module


@dataclass(eq=False, slots=True)
class Partial:
    """A call that waits for the rest of its arguments."""

    function: Value
    pos: tuple[Value, ...]
    kw: dict[str, Value]


@dataclass(eq=False, slots=True)
class Iter:
    """Something that can be iterated: what one turn gives; `source` for what a data set holds."""

    item: Value
    batched: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms y log q of a hand-written loss, before or after their sum."""

    logs: Array
    target: Array | None
    negated: bool = False
    reduced: bool = False
    mean: bool = False
    picked: bool = False
    events: bool = False  # summed over the events


@dataclass(slots=True)
class Args:
    """The arguments of a call; `open` where a star hides some."""

    pos: list[Value]
    kw: dict[str, Value]
    node: ast.expr
    open: bool = False

    def get(self, at: int | None, *names: str) -> Value | None:
        """The argument at a position (None: by name alone) or of a name."""
        if at is not None and at < len(self.pos):
            return self.pos[at]
        for name in names:
            if name in self.kw:
                return self.kw[name]
        return None

    def constant(self, at: int | None, *names: str, default: Any = None) -> Any:
        """A constant argument; `...` where it is given and not known."""
        found = self.get(at, *names)
        if found is None:
            return default if not self.open else ...
        if isinstance(found, Const):
            return found.value
        folded = plain(found)
        return folded if folded is not None else ...

    @property
    def first(self) -> ast.expr:
        """The code of the first argument, or of the call where there is none."""
        node = self.node
        return node.args[0] if isinstance(node, ast.Call) and node.args else node

    def rest(self, start: int = 1) -> Args:
        """The same without the first arguments."""
        return Args(self.pos[start:], self.kw, self.node, self.open)


Value = (
    Unknown | Const | Ref | Tuple | Slots | Function | Method | Native | Loss | Partial | Iter
    | Terms | Array
)  # fmt: skip


def several(value: Any) -> list[Any] | None:
    """The items of a Python list or tuple; None where it is neither."""
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else None


def slice_of(value: Any) -> slice[Any, Any, Any] | None:
    """The slice that a constant is, if it is one."""
    part: Any = value.value if isinstance(value, Const) else None
    return cast("slice[Any, Any, Any]", part) if isinstance(part, slice) else None


def plain(value: Any) -> Any:
    """A Python value from constants, tuples and lists of them; None where something is unknown."""
    if isinstance(value, Const):
        return value.value
    if isinstance(value, Tuple | List):
        items = value.items
        if items is None:
            return None
        found = [plain(item) for item in items]
        if any(x is None and not (isinstance(i, Const)) for x, i in zip(found, items, strict=True)):
            return None
        return tuple(found) if isinstance(value, Tuple) else found
    return None


def length_of(value: Any) -> Length:
    """A value as a length: a number, the tag of an unknown one, or None."""
    if isinstance(value, Const):
        return value.value if isinstance(value.value, int) else None
    return value.tag if isinstance(value, Unknown) else None


def of_length(length: Length) -> Value:
    """A length as a value."""
    if isinstance(length, int):
        return Const(length)
    return Unknown(tag=length or "")


def lengths_of(value: Any) -> tuple[Length, ...] | None:
    """A shape from a value: a number, a tuple or a list."""
    if isinstance(value, Tuple | List):
        return None if value.items is None else tuple(length_of(i) for i in value.items)
    if isinstance(value, Const) and isinstance(value.value, int):
        return (value.value,)
    items = several(value.value) if isinstance(value, Const) else None
    return None if items is None else tuple(x if isinstance(x, int) else None for x in items)


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same for all that is known of them."""
    if a is b:
        return True
    if isinstance(a, Const) and isinstance(b, Const):
        return type(a.value) is type(b.value) and a.value == b.value
    if isinstance(a, Ref | Array | Terms) and type(a) is type(b):
        return a == b
    if isinstance(a, Tuple) and isinstance(b, Tuple):
        return len(a.items) == len(b.items) and all(
            same(x, y) for x, y in zip(a.items, b.items, strict=True)
        )
    return False


def join(a: Any, b: Any) -> Any:
    """What is known where either of two values may be there."""
    if same(a, b):
        return a
    if isinstance(a, Array) and isinstance(b, Array):
        return join_arrays(a, b)
    if isinstance(a, Tuple) and isinstance(b, Tuple) and len(a.items) == len(b.items):
        return Tuple(tuple(join(x, y) for x, y in zip(a.items, b.items, strict=True)))
    if isinstance(a, Loss) and isinstance(b, Loss) and a.contract == b.contract:
        return Loss(
            a.contract,
            {k: a.options[k] if k in a.options and k in b.options
             and same(a.options[k], b.options[k]) else Unknown(k)
             for k in {**a.options, **b.options}},
            a.node, a.module,
        )  # fmt: skip
    return Unknown()


def join_arrays(a: Array, b: Array) -> Array:
    """The facts that two arrays share."""
    shape = a.shape if a.shape == b.shape else None
    if shape is None and a.shape is not None and b.shape is not None and a.rank == b.rank:
        shape = tuple(x if x == y else None for x, y in zip(a.shape, b.shape, strict=True))
    if a.made is not b.made:
        return Array(shape=shape, kind=a.kind if a.kind == b.kind else None)
    lows = None if a.low is None or b.low is None else min(a.low, b.low)
    highs = None if a.high is None or b.high is None else max(a.high, b.high)
    return a.but(
        shape=shape,
        axis=a.axis if a.axis == b.axis else None,
        width=a.width if a.width == b.width else None,
        path=a.path if a.scaled or not b.scaled else b.path,
        kind=a.kind if a.kind == b.kind else None,
        low=lows,
        high=highs,
        batched=a.batched and b.batched,
        across=a.across if a.across == b.across else None,
        scrambled=a.scrambled if a.scrambled and b.scrambled else None,
        rising=a.rising if a.rising == b.rising else None,
        detached=a.detached or b.detached,
    )
