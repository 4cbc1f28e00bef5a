"""Expressions: what a piece of code stands for."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..facts import Array, Cut, Made
from . import arithmetic, indexing
from .values import (
    NONE,
    Args,
    Chain,
    Const,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Loss,
    Method,
    Model,
    Native,
    Partial,
    Record,
    Ref,
    Scope,
    Slots,
    Terms,
    Tuple,
    Unknown,
    UserClass,
    Value,
    join,
    several,
    slice_of,
)  # fmt: skip

if TYPE_CHECKING:
    from .modules import Module

_FOLDED: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: operator.mod,
    ast.Pow: lambda a, b: a**b,
}
_COMPARED: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_DATA_NAMES = ("load", "data", "batch", "train", "valid", "test", "_ds", "_dl", "dl", "ds")


class Expressions:
    """The half of the interpreter that evaluates; the other half runs statements."""

    if TYPE_CHECKING:
        module: Module
        scope: Scope
        left: int
        cuts: list[Cut]
        yields: list[list[Value]]
        owners: list[tuple[UserClass | None, Value | None]]

        def write(self, target: Slots, key: Any, value: Any) -> None: ...
        def call_function(
            self, f: Function, args: Args, receiver: Value | None = None
        ) -> Value: ...
        def instantiate(self, cls: UserClass, args: Args) -> Value: ...
        def function(self, node: Any, scope: Scope, owner: UserClass | None = None) -> Value: ...
        def assign(self, target: ast.expr, value: Value) -> None: ...
        def place(self, node: ast.AST) -> Any: ...

    def eval(self, node: ast.expr) -> Value:
        """What an expression stands for."""
        self.left -= 1
        if self.left < 0:
            from .interpreter import OutOfBudget

            raise OutOfBudget
        do = _EXPRESSIONS.get(type(node))
        return Unknown() if do is None else do(self, node)

    def constant(self, node: ast.Constant) -> Value:
        return Const(node.value)

    def name(self, node: ast.Name) -> Value:
        found = self.scope.find(node.id)
        if found is None:
            from .builtin import BUILTINS

            known = BUILTINS.get(node.id)
            return Unknown(node.id) if known is None else known
        if isinstance(found, Record) and found.name == "lazy":
            return self.force(found)
        return found

    def force(self, lazy: Record) -> Value:
        """What an import inside the project brings, once it is needed."""
        if lazy.slots.get("loading"):
            return Unknown()  # two files that import from each other
        lazy.slots["loading"] = True
        try:
            return lazy.slots["load"](self)
        finally:
            lazy.slots["loading"] = False

    def attribute(self, node: ast.Attribute) -> Value:
        return self.get_attribute(self.eval(node.value), node.attr, node)

    def get_attribute(self, of: Value, name: str, node: ast.expr) -> Value:
        if isinstance(of, Ref):
            return Ref(f"{of.name}.{name}")
        if isinstance(of, Instance):
            return self._of_instance(of, name, node)
        from .library import attribute

        if isinstance(of, Record) and of.name == "module":
            found = of.slots["module"].scope.slots.get(name)
            if found is None:
                found = of.slots["submodule"](name)
            if isinstance(found, Record) and found.name == "lazy":
                return self.force(found)
            return Unknown(name) if found is None else found
        if isinstance(of, UserClass):
            found = of.find(name)
            if isinstance(found, Function) and "classmethod" in found.decorators:
                return Method(found, of)
            if found is not None:
                return found
        if isinstance(of, Record) and of.name == "super":
            return self._of_super(of, name, node)
        return attribute(self, of, name, node)

    def _of_instance(self, of: Instance, name: str, node: ast.expr) -> Value:
        found = of.slots.get(name)
        if found is not None:
            return found
        found = of.cls.find(name)
        if isinstance(found, Function):
            if found.decorators & {"property", "cached_property"}:
                return self.call_function(found, Args([], {}, node), of)
            if "staticmethod" in found.decorators:
                return found
            return Method(found, of.cls if "classmethod" in found.decorators else of)
        if isinstance(found, Native):
            return Partial(found, (of,), {})
        if found is not None:
            return found
        from .library import attribute

        return attribute(self, of, name, node)

    def _of_super(self, of: Record, name: str, node: ast.expr) -> Value:
        cls, receiver = of.slots["cls"], of.slots["receiver"]
        for base in cls.bases:
            if isinstance(base, UserClass):
                found = base.find(name)
                if isinstance(found, Function):
                    return Method(found, receiver)
        from .library import base_method

        return base_method(self, cls, receiver, name)

    def set_attribute(self, of: Value, name: str, value: Value) -> None:
        if isinstance(of, Model) and name in of.heads:
            from .library import replaced_head

            self.write(of, "output", replaced_head(self, of, value))
        if isinstance(of, Slots) and not isinstance(of, Dict | List):
            self.write(of, name, value)

    def subscript(self, node: ast.Subscript) -> Value:
        of = self.eval(node.value)
        if isinstance(of, Array):
            return indexing.indexed(self, of, node.slice, node)
        key = self.eval(node.slice)
        return self.item(of, key, node)

    def item(self, of: Value, key: Value, node: ast.expr) -> Value:
        """of[key] of what is no array."""
        if isinstance(of, Tuple | List | Chain):
            items = of.slots["items"] if isinstance(of, Chain) else of.items
            if items is None:
                return Unknown()
            if isinstance(key, Const) and isinstance(key.value, int):
                at = key.value
                return items[at] if -len(items) <= at < len(items) else Unknown()
            cut = slice_of(key)
            if cut is not None:
                part = items[cut]
                if isinstance(of, Tuple):
                    return Tuple(part)
                return Chain(part, of.keras) if isinstance(of, Chain) else List(part)
            return _joined(items)
        if isinstance(of, Dict):
            if isinstance(key, Const):
                found = of.slots.get(key.value)
                return Unknown(str(key.value)) if found is None else found
            return Unknown() if of.open or not of.slots else _joined(list(of.slots.values()))
        if isinstance(of, Record) and isinstance(key, Const):
            found = of.slots.get(key.value)
            if isinstance(key.value, int) and "items" in of.slots:
                return self.item(of.slots["items"], key, node)
            return Unknown() if found is None else found
        if isinstance(of, Iter):
            return of.item
        if isinstance(of, Instance):
            get = of.cls.find("__getitem__")
            if isinstance(get, Function):
                return self.call_function(get, Args([key], {}, node), of)
        return Unknown()

    def set_item(self, of: Value, key: Value, value: Value) -> None:
        if isinstance(of, Dict):
            if isinstance(key, Const):
                self.write(of, key.value, value)
            else:
                of.open = True
        elif isinstance(of, List | Chain) and of.slots["items"] is not None:
            items = list(of.slots["items"])
            if isinstance(key, Const) and isinstance(key.value, int):
                if -len(items) <= key.value < len(items):
                    items[key.value] = value
                    self.write(of, "items", tuple(items))
            else:
                self.write(of, "items", None)
        elif isinstance(of, Array) and of.low is not None:
            self._overwritten(of)

    def _overwritten(self, of: Array) -> None:
        """A part of an array has other numbers now, and so has whatever is a view of it."""
        for scope in (self.scope, self.module.scope):
            for name, known in list(scope.slots.items()):
                if isinstance(known, Array) and (known.made, known.place) == (of.made, of.place):
                    self.write(scope, name, known.but(low=None, high=None))

    def slice(self, node: ast.Slice) -> Value:
        parts = [None if p is None else self.eval(p) for p in (node.lower, node.upper, node.step)]
        values = [p.value if isinstance(p, Const) else None for p in parts]
        if any(p is not None and not isinstance(p, Const) for p in parts):
            return Unknown()
        if any(v is not None and not isinstance(v, int) for v in values):
            return Unknown()
        return Const(slice(*values))

    def tuple(self, node: ast.Tuple) -> Value:
        items = self._several(node.elts)
        return Unknown() if items is None else Tuple(items)

    def list(self, node: ast.List) -> Value:
        items = self._several(node.elts)
        return Unknown() if items is None else List(items)

    def _several(self, nodes: list[ast.expr]) -> tuple[Value, ...] | None:
        out: list[Value] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                value = self.eval(node.value)
                more = (value.item,) if isinstance(value, Iter) else self.items(value)
                if more is None:
                    return None
                out.extend(more)
            else:
                out.append(self.eval(node))
        return tuple(out)

    def dict(self, node: ast.Dict) -> Value:
        made = Dict({})
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                other = self.eval(value)
                if isinstance(other, Dict):
                    made.slots.update(other.slots)
                    made.open |= other.open
                else:
                    made.open = True
                continue
            k, v = self.eval(key), self.eval(value)
            if isinstance(k, Const):
                made.slots[k.value] = v
            else:
                made.open = True
        return made

    def if_expression(self, node: ast.IfExp) -> Value:
        known = self.truth(self.eval(node.test))
        if known is not None:
            return self.eval(node.body if known else node.orelse)
        return join(self.eval(node.body), self.eval(node.orelse))

    def bool_expression(self, node: ast.BoolOp) -> Value:
        is_or = isinstance(node.op, ast.Or)
        left: list[Value] = []  # what it may be: all before a part that decides
        for part in node.values:
            value = self.eval(part)
            known = self.truth(value)
            if known is is_or:
                return _joined([*left, value])
            if known is None or part is node.values[-1]:
                left.append(value)
        return _joined(left)

    def compare(self, node: ast.Compare) -> Value:
        left = self.eval(node.left)
        rights = [self.eval(c) for c in node.comparators]
        if len(rights) != 1:
            return Unknown()
        op, right = node.ops[0], rights[0]
        if isinstance(op, ast.Is | ast.IsNot) and right is not left:
            if isinstance(right, Const) and right.value is None:
                if isinstance(left, Const):
                    return Const((left.value is None) == isinstance(op, ast.Is))
                if not isinstance(left, Unknown):
                    return Const(isinstance(op, ast.IsNot))
            return Unknown()
        if isinstance(left, Const) and isinstance(right, Const):
            do = _COMPARED.get(type(op))
            try:
                if isinstance(op, ast.In | ast.NotIn):
                    return Const((left.value in right.value) == isinstance(op, ast.In))
                return Unknown() if do is None else Const(bool(do(left.value, right.value)))
            except Exception:
                return Unknown()
        if isinstance(op, ast.In | ast.NotIn) and isinstance(left, Const):
            if isinstance(right, Dict) and not right.open:
                return Const((left.value in right.slots) == isinstance(op, ast.In))
            items = self.items(right)
            if items is not None and all(isinstance(i, Const) for i in items):
                known = left.value in [i.value for i in items if isinstance(i, Const)]
                return Const(known == isinstance(op, ast.In))
        if isinstance(left, Array):
            return arithmetic.compared(self, op, left, right, node)
        if isinstance(right, Array):
            return arithmetic.compared(self, op, right, left, node)
        return Unknown()

    def unary(self, node: ast.UnaryOp) -> Value:
        value = self.eval(node.operand)
        if isinstance(node.op, ast.Not):
            known = self.truth(value)
            return Unknown() if known is None else Const(not known)
        if isinstance(value, Const):
            try:
                if isinstance(node.op, ast.USub):
                    return Const(-value.value)
                return Const(+value.value if isinstance(node.op, ast.UAdd) else ~value.value)
            except Exception:
                return Unknown()
        if isinstance(node.op, ast.USub):
            return arithmetic.negated(self, value, node)
        return Unknown()

    def binary_expression(self, node: ast.BinOp) -> Value:
        return self.binary(node.op, self.eval(node.left), self.eval(node.right), node)

    def binary(self, op: ast.operator, a: Value, b: Value, node: ast.AST) -> Value:
        """a ∘ b."""
        if isinstance(a, Const) and isinstance(b, Const):
            do = _FOLDED.get(type(op))
            try:
                if do is None or (isinstance(op, ast.Pow) and abs(b.value) > 64):
                    return Unknown()
                out: Any = do(a.value, b.value)
                if len(str(out)) > 1000:
                    return Unknown()
                return Const(out)
            except Exception:
                return Unknown()
        if isinstance(op, ast.Add) and isinstance(a, List | Tuple) and isinstance(b, List | Tuple):
            if a.items is None or b.items is None:
                return Unknown()
            both: tuple[Value, ...] = a.items + b.items
            return List(both) if isinstance(a, List) else Tuple(both)
        if isinstance(op, ast.Mult):
            for x, y in ((a, b), (b, a)):
                times = y.value if isinstance(y, Const) and isinstance(y.value, int) else None
                if times is None or not isinstance(x, List | Tuple) or x.items is None:
                    continue
                if 0 <= times * len(x.items) <= 256:
                    return type(x)(x.items * times)
        return arithmetic.binary(self, op, a, b, node)

    def lambda_expression(self, node: ast.Lambda) -> Value:
        return self.function(node, self.scope)

    def named(self, node: ast.NamedExpr) -> Value:
        value = self.eval(node.value)
        self.assign(node.target, value)
        return value

    def awaited(self, node: ast.Await) -> Value:
        return self.eval(node.value)

    def yielded(self, node: ast.Yield) -> Value:
        if self.yields:
            self.yields[-1].append(NONE if node.value is None else self.eval(node.value))
        return Unknown()

    def yielded_from(self, node: ast.YieldFrom) -> Value:
        over = self.eval(node.value)
        if self.yields:
            self.yields[-1].append(self.element(over, node.value))
        return Unknown()

    def comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
        found = self._turns(node.generators, lambda: self.eval(node.elt))
        items = several(found)
        return Iter(found) if items is None else List(tuple(items))

    def dict_comprehension(self, node: ast.DictComp) -> Value:
        made = Dict({})

        def one() -> Value:
            k, v = self.eval(node.key), self.eval(node.value)
            if isinstance(k, Const):
                made.slots[k.value] = v
            else:
                made.open = True
            return v

        if not isinstance(self._turns(node.generators, one), list):
            made.open = True
        return made

    def _turns(self, generators: list[ast.comprehension], one: Callable[[], Value]) -> Any:
        """The values of all turns as a list, or one value that stands for each."""
        outer = self.scope
        self.scope = Scope(outer)
        try:
            if len(generators) == 1 and not generators[0].ifs:
                g = generators[0]
                over = self.eval(g.iter)
                items = self.items(over)
                if items is not None and len(items) <= 32 and not isinstance(over, Iter):
                    out: list[Value] = []
                    for item in items:
                        self.assign(g.target, item)
                        out.append(one())
                    return out
                self.assign(g.target, self.element(over, g.iter))
                return one()
            for g in generators:
                self.assign(g.target, self.element(self.eval(g.iter), g.iter))
            return one()
        finally:
            self.scope = outer

    def text_expression(self, node: ast.JoinedStr) -> Value:
        return Unknown("text")

    def call_expression(self, node: ast.Call) -> Value:
        f = self.eval(node.func)
        pos: list[Value] = []
        kw: dict[str, Value] = {}
        is_open = False
        for a in node.args:
            if isinstance(a, ast.Starred):
                value = self.eval(a.value)
                if isinstance(value, Iter):
                    pos.append(value.item)
                    is_open = True
                    continue
                more = self.items(value)
                if more is None:
                    is_open = True
                else:
                    pos.extend(more)
            else:
                pos.append(self.eval(a))
        for k in node.keywords:
            value = self.eval(k.value)
            if k.arg is not None:
                kw[k.arg] = value
            elif isinstance(value, Dict):
                kw.update({n: v for n, v in value.slots.items() if isinstance(n, str)})
                is_open |= value.open
            else:
                is_open = True
        return self.call(f, Args(pos, kw, node, is_open))

    def call(self, f: Value, args: Args) -> Value:
        """What calling something gives."""
        if isinstance(f, Function):
            return self.call_function(f, args)
        if isinstance(f, Method):
            return self.call_function(f.function, args, f.receiver)
        if isinstance(f, Native):
            return f.call(self, args)  # pyright: ignore[reportArgumentType]
        if isinstance(f, UserClass):
            from .library import made_class

            special = made_class(self, f, args)
            return self.instantiate(f, args) if special is None else special
        if isinstance(f, Partial):
            merged = Args([*f.pos, *args.pos], {**f.kw, **args.kw}, args.node, args.open)
            return self.call(f.function, merged)
        from .library import called

        return called(self, f, args)

    # What helps

    def truth(self, value: Value) -> bool | None:
        """Whether a condition holds, where that is known."""
        if isinstance(value, Const):
            return bool(value.value)
        if isinstance(value, Tuple | List):
            return None if value.items is None else bool(value.items)
        if isinstance(value, Function | UserClass | Instance | Loss | Native | Chain | Model):
            return True
        return None

    def items(self, value: Value) -> tuple[Value, ...] | None:
        """The items of something that can be iterated, where they are known."""
        if isinstance(value, Tuple | List):
            return value.items
        if isinstance(value, Chain):
            return value.slots["items"]
        if isinstance(value, Dict):
            return None if value.open else tuple(Const(k) for k in value.slots)
        if isinstance(value, Const) and isinstance(value.value, range):
            r = value.value
            return tuple(Const(i) for i in r) if len(r) <= 256 else None
        if isinstance(value, Const):
            known = several(value.value)
            return None if known is None else tuple(Const(i) for i in known)
        if isinstance(value, Record):
            known = value.slots.get("items")
            return known.items if isinstance(known, Tuple | List) else None
        if isinstance(value, Instance) and isinstance(value.slots.get("__chain__"), Chain):
            return value.slots["__chain__"].slots["items"]
        return None

    def element(self, over: Value, node: ast.expr) -> Value:
        """What one turn over something gives."""
        if isinstance(over, Iter):
            return over.item
        if isinstance(over, Const) and isinstance(over.value, range):
            return Unknown("i")
        items = self.items(over)
        if items:
            return _joined(items)
        if isinstance(over, Array):
            if over.made is Made.DATA and over.shape is None:
                return over
            from .moves import pick

            return pick(over, 0, self.place(node))
        if isinstance(over, Instance):
            for name in ("__iter__", "__getitem__"):
                get = over.cls.find(name)
                if isinstance(get, Function):
                    given = self.call_function(get, Args([Unknown()], {}, node), over)
                    return given.item if isinstance(given, Iter) else given
        if isinstance(over, Unknown):
            text = self.module.text(node).lower()
            if any(word in text for word in _DATA_NAMES) and "param" not in text:
                return Array(made=Made.DATA, by=self.module.text(node), place=self.place(node),
                             batched=True)  # fmt: skip
        return Unknown()


def _joined(values: Any) -> Value:
    out: Value | None = None
    for value in values:
        out = value if out is None else join(out, value)
    return Unknown() if out is None else out


_EXPRESSIONS: dict[type, Callable[[Any, Any], Value]] = {
    ast.Constant: Expressions.constant,
    ast.Name: Expressions.name,
    ast.Attribute: Expressions.attribute,
    ast.Subscript: Expressions.subscript,
    ast.Slice: Expressions.slice,
    ast.Tuple: Expressions.tuple,
    ast.List: Expressions.list,
    ast.Set: Expressions.list,
    ast.Dict: Expressions.dict,
    ast.IfExp: Expressions.if_expression,
    ast.BoolOp: Expressions.bool_expression,
    ast.Compare: Expressions.compare,
    ast.UnaryOp: Expressions.unary,
    ast.BinOp: Expressions.binary_expression,
    ast.Lambda: Expressions.lambda_expression,
    ast.NamedExpr: Expressions.named,
    ast.Await: Expressions.awaited,
    ast.Yield: Expressions.yielded,
    ast.YieldFrom: Expressions.yielded_from,
    ast.ListComp: Expressions.comprehension,
    ast.GeneratorExp: Expressions.comprehension,
    ast.SetComp: Expressions.comprehension,
    ast.DictComp: Expressions.dict_comprehension,
    ast.JoinedStr: Expressions.text_expression,
    ast.Call: Expressions.call_expression,
}

__all__ = ["Expressions", "Terms"]
