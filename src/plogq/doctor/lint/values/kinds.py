"""What a name can stand for while a program is read: constants, arrays, layers, functions, objects.

What is not known is `Unknown`, each with a tag of its own, so that two lengths that are the same
unknown number are seen to be the same.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

from ...contracts import Contract
from ...facts import Array
from ..modules import Module
from ..slots import Scope, Slots

_tags = count()


class Unknown:
    """A value that is not known."""

    __slots__ = ("tag",)

    def __init__(self, name: str = "", tag: str = "") -> None:
        self.tag = tag or f"{name}#{next(_tags)}"

    @property
    def name(self) -> str:
        """What it was called last: by a parameter, an attribute or a function."""
        return self.tag.rpartition(".")[2].partition("#")[0]

    def __repr__(self) -> str:
        return f"Unknown({self.tag})"


class Default(Unknown):
    """What comes from outside, and is this where nothing comes."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Index(Unknown):
    """A whole number that is not known: which item is asked for."""

    __slots__ = ()


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


@dataclass(frozen=True, slots=True)
class Many:
    """In a list: any number of items in a row, of which each is like this."""

    each: Value


class List(Slots):
    """A list; its slot "items" is a tuple, or None where a branch may have changed it."""

    __slots__ = ()

    def __init__(self, items: tuple[Value, ...]) -> None:
        super().__init__(items=items)

    @property
    def items(self) -> tuple[Value, ...] | None:
        """Its items, one by one; None where their number is not known."""
        return counted(self.slots["items"])


def counted(items: tuple[Value, ...] | None) -> tuple[Value, ...] | None:
    """Items whose number is known."""
    return None if items is None or any(isinstance(i, Many) for i in items) else items


class Dict(Slots):
    """A dictionary with constant keys; `open`: there may be others."""

    __slots__ = ("open",)

    def __init__(self, items: Mapping[Any, Value], open: bool = False) -> None:
        super().__init__()
        self.slots.update(items)
        self.open = open


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

    call: Callable[[Any, Args], Value]  # given the machine that runs it
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
    | Terms | Array | Many
)  # fmt: skip


def several(value: Any) -> list[Any] | None:
    """The items of a Python list or tuple; None where it is neither."""
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else None


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
