"""Running a program in thought: statements, branches, loops and calls over what is known.

Both ways of an `if` whose condition is not known are taken, and what they leave is joined; a loop
runs once, and again from the join where its first turn changed what it began with. All changes go
through a journal, so that a branch can be taken back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..facts import Array, Cut, Made, Place, Seen
from .expressions import Expressions
from .modules import Module
from .relevance import relevant
from .values import (
    NONE,
    Args,
    Const,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Loss,
    Method,
    Ref,
    Scope,
    Slots,
    Tuple,
    Unknown,
    UserClass,
    Value,
    join,
    same,
    several,
)  # fmt: skip

if TYPE_CHECKING:
    from .project import Project

MISSING: Any = object()
_DEPTH = 24  # functions within functions
_BUDGET = 40_000  # nodes for one file, and as many again as it has lines, times eight
_UNROLLED = 64


class OutOfBudget(Exception):
    """The program is too large to be followed to its end."""


class Interpreter(Expressions):
    """One file, read to its end; `found` has what was seen, each with the node of its options."""

    def __init__(self, module: Module, project: Project) -> None:
        self.module = module
        self.project = project
        self.left = _BUDGET + 8 * len(module.lines)
        self.journal: list[tuple[Slots, Any, Any]] = []
        self.found: list[tuple[Seen, ast.AST | None, ast.expr | None, Module]] = []
        self.cuts: list[Cut] = []
        self.stack: list[ast.AST] = []
        self.returns: list[list[Value]] = []
        self.yields: list[list[Value]] = []
        self.owners: list[tuple[UserClass | None, Value | None]] = []
        self.entered: set[ast.AST] = set()
        self.functions: dict[ast.AST, Function] = {}
        self.classes: list[UserClass] = []
        self.instances: dict[UserClass, list[Instance]] = {}
        self.scope = module.scope
        self.faults: list[Exception] = []  # of ours: what is left is read all the same

    # What was seen

    def see(
        self,
        seen: Seen,
        call: ast.AST | None = None,
        options: ast.expr | None = None,
        module: Module | None = None,
    ) -> None:
        """Note a sighting: the call of the loss, and where its options stand."""
        self.found.append((seen, call, options, module or self.module))

    def place(self, node: ast.AST) -> Place:
        return self.module.place(node)

    # The whole file

    def run(self) -> None:
        """Run the file, then what it never called, with arguments that are not known."""
        self.module.scope.slots["__name__"] = Const("__main__")
        home = self.module
        try:
            self._guarded(lambda: self.block(home.tree.body))
            self._unreached()
        except OutOfBudget:
            pass

    def _guarded(self, run: Callable[[], Any]) -> None:
        """Run a part of the program; a fault of ours ends that part alone."""
        module, scope = self.module, self.scope
        try:
            run()
        except (OutOfBudget, RecursionError, MemoryError):
            raise
        except Exception as fault:
            self.faults.append(fault)
        finally:
            self.module, self.scope = module, scope
            for kept in (self.stack, self.owners, self.returns, self.yields):
                kept.clear()

    def _unreached(self) -> None:
        chosen = relevant(self.module.tree)
        for _ in range(4):
            left = [
                f
                for node, f in self.functions.items()
                if node not in self.entered and node in chosen
            ]
            if not left:
                return
            for f in left:
                if f.node in self.entered:
                    continue
                mark = len(self.journal)
                self._guarded(lambda f=f: self._alone(f))
                self.rollback(mark)

    def _alone(self, f: Function) -> None:
        """A function that nobody called, with arguments that are not known."""
        receiver = None
        if f.owner is not None and "staticmethod" not in f.decorators:
            receiver = self.instance_of(f.owner)
            if f.node in self.entered:
                return
            if isinstance(receiver, Instance):
                for key, value in receiver.made.items():
                    self.write(receiver, key, value)
        self.call_function(f, Args([], {}, _NOWHERE, open=True), receiver)

    def instance_of(self, cls: UserClass) -> Value:
        """An object of a class: one that the program made, or one made of unknown arguments."""
        made = self.instances.get(cls)
        if made:
            return made[0]
        for other, known in self.instances.items():
            if known and cls in other.bases:
                return known[0]
        return self.instantiate(cls, Args([], {}, _NOWHERE, open=True))

    # The journal

    def write(self, target: Slots, key: Any, value: Any) -> None:
        """Change a slot so that it can be taken back."""
        self.journal.append((target, key, target.slots.get(key, MISSING)))
        target.slots[key] = value

    def rollback(self, mark: int) -> None:
        """Take back what was written since."""
        while len(self.journal) > mark:
            target, key, old = self.journal.pop()
            if old is MISSING:
                target.slots.pop(key, None)
            else:
                target.slots[key] = old

    def _written(self, mark: int) -> dict[tuple[int, Any], tuple[Slots, Any, Any]]:
        """What was written since, with the values that stand now."""
        out: dict[tuple[int, Any], tuple[Slots, Any, Any]] = {}
        for target, key, _ in self.journal[mark:]:
            out[id(target), key] = (target, key, target.slots.get(key, MISSING))
        return out

    def ways(self, runs: Sequence[Callable[[], bool]]) -> bool:
        """Take each way from here and join what they leave; false where none comes out."""
        outcomes: list[dict[tuple[int, Any], tuple[Slots, Any, Any]]] = []
        for run in runs:
            mark = len(self.journal)
            live = run()
            if live:
                outcomes.append(self._written(mark))
            self.rollback(mark)
        if not outcomes:
            return False
        for at in {k: None for out in outcomes for k in out}:
            target, key = next((out[at][0], out[at][1]) for out in outcomes if at in out)
            old = target.slots.get(key, MISSING)
            value = MISSING
            for out in outcomes:
                value = _join_slot(value, out[at][2] if at in out else old, key)
            if value is not MISSING:
                self.write(target, key, value)
        return True

    # Statements: each says whether the next one is reached

    def block(self, body: Sequence[ast.stmt]) -> bool:
        for statement in body:
            self.left -= 1
            if self.left < 0:
                raise OutOfBudget
            do = _STATEMENTS.get(type(statement))
            if do is not None and do(self, statement) is False:
                return False
        return True

    def expr_statement(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.eval(node.value)

    def assign_statement(self, node: ast.Assign) -> None:
        value = self.eval(node.value)
        for target in node.targets:
            self.assign(target, value)

    def ann_assign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.eval(node.value))

    def aug_assign(self, node: ast.AugAssign) -> None:
        load = _loaded(node.target)
        old = self.eval(load)
        new = self.eval(node.value)
        if isinstance(old, List) and isinstance(node.op, ast.Add):
            more = self.items(new)
            items = old.items
            self.write(old, "items", None if more is None or items is None else items + more)
            return
        self.assign(node.target, self.binary(node.op, old, new, node))

    def return_statement(self, node: ast.Return) -> bool:
        value = NONE if node.value is None else self.eval(node.value)
        if self.returns:
            self.returns[-1].append(value)
        return False

    def stop_statement(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.Raise) and node.exc is not None:
            self.eval(node.exc)
        return False

    def if_statement(self, node: ast.If) -> bool:
        known = self.truth(self.eval(node.test))
        if known is not None:
            return self.block(node.body if known else node.orelse)
        return self.ways([lambda: self.block(node.body), lambda: self.block(node.orelse)])

    def for_statement(self, node: ast.For | ast.AsyncFor) -> bool:
        over = self.eval(node.iter)
        items = self.items(over)
        if items is not None and len(items) <= _UNROLLED and not isinstance(over, Iter):
            if not items:
                return self.block(node.orelse)
            if not _many_alike(items):
                for item in items:
                    self.assign(node.target, item)
                    if not self.block(node.body):
                        break
                return True
        item = self.element(over, node.iter)

        def turn() -> None:
            self.assign(node.target, item)
            self.block(node.body)

        self._loop(node, turn)
        return True

    def while_statement(self, node: ast.While) -> bool:
        if self.truth(self.eval(node.test)) is False:
            return self.block(node.orelse)
        self._loop(node, lambda: self.block(node.body))
        return not _endless(node)

    def _loop(self, node: ast.stmt, turn: Callable[[], Any]) -> None:
        """One turn, and a second one from the join where the first changed its own beginning."""
        for name in _assigned(node):
            old = self.scope.slots.get(name)
            if isinstance(old, Const):
                self.write(self.scope, name, Unknown(name))
        mark, seen = len(self.journal), len(self.found)
        cuts, returned = len(self.cuts), [len(r) for r in self.returns]
        turn()
        firsts: dict[tuple[int, Any], tuple[Slots, Any, Any]] = {}
        for target, key, old in self.journal[mark:]:
            firsts.setdefault((id(target), key), (target, key, old))
        changed = [
            (target, key, old, target.slots.get(key, MISSING))
            for target, key, old in firsts.values()
            if old is not MISSING and not isinstance(old, Const | Unknown)
            and not _same_slot(old, target.slots.get(key, MISSING))
        ]  # fmt: skip
        if not changed:
            return
        self.rollback(mark)
        del self.found[seen:], self.cuts[cuts:]
        for r, n in zip(self.returns, returned, strict=True):
            del r[n:]
        for target, key, old, new in changed:
            self.write(target, key, _join_slot(old, new, key))
        turn()

    def try_statement(self, node: ast.Try) -> bool:
        live = self.block(node.body)
        if live:
            live = self.block(node.orelse)
        ways: list[Callable[[], bool]] = [lambda: live]
        ways += [lambda h=handler: self.block(h.body) for handler in node.handlers]
        out = self.ways(ways) if node.handlers else live
        return self.block(node.finalbody) and out

    def with_statement(self, node: ast.With | ast.AsyncWith) -> bool:
        for item in node.items:
            value = self.eval(item.context_expr)
            if item.optional_vars is not None:
                entered = value
                if isinstance(value, Instance):
                    enter = value.cls.find("__enter__")
                    entered = (
                        self.call_function(enter, Args([], {}, item.context_expr), value)
                        if isinstance(enter, Function) else Unknown()
                    )  # fmt: skip
                self.assign(item.optional_vars, entered)
        return self.block(node.body)

    def match_statement(self, node: ast.Match) -> bool:
        subject = self.eval(node.subject)
        ways: list[Callable[[], bool]] = []
        whole = False
        for case in node.cases:
            pattern = case.pattern
            if isinstance(pattern, ast.MatchValue) and isinstance(subject, Const):
                wanted = self.eval(pattern.value)
                if isinstance(wanted, Const):
                    if wanted.value == subject.value:
                        return self.block(case.body)
                    continue
            if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
                whole = whole or case.guard is None
            ways.append(lambda c=case: self.block(c.body))
        if not whole:
            ways.append(lambda: True)
        return self.ways(ways)

    def def_statement(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.write(self.scope, node.name, self.function(node, self.scope))

    def function(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        scope: Scope,
        owner: UserClass | None = None,
    ) -> Value:
        """A function as a value; one decorator that changes what it is may wrap it."""
        defaults = tuple(self.eval(d) for d in node.args.defaults)
        kw = tuple(None if d is None else self.eval(d) for d in node.args.kw_defaults)
        names: set[str] = set()
        wrappers: list[ast.expr] = []
        for decorator in getattr(node, "decorator_list", ()):
            names.add(_last(decorator))
            wrappers.append(decorator)
        made = Function(
            node, scope, self.module, defaults, kw, frozenset(names), owner, _yields(node)
        )
        if self.module is self.home:
            self.functions[node] = made
        out: Value = made
        for decorator in reversed(wrappers):
            if _last(decorator) in ("vmap", "pmap", "grad", "value_and_grad", "custom_vjp"):
                out = self.call(self.eval(decorator), Args([out], {}, decorator))
        return out

    @property
    def home(self) -> Module:
        """The file that is being read, whatever module's function runs."""
        return self.project.home or self.module

    def class_statement(self, node: ast.ClassDef) -> None:
        bases = tuple(self.eval(base) for base in node.bases)
        cls = UserClass(node, bases, self.module)
        outer = self.scope
        inner = Scope(outer)
        self.scope = inner
        try:
            for statement in node.body:
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    cls.slots[statement.name] = self.function(statement, outer, cls)
                    inner.slots[statement.name] = cls.slots[statement.name]
                else:
                    self.block([statement])
        finally:
            self.scope = outer
        for name, value in inner.slots.items():
            cls.slots.setdefault(name, value)
        if self.module is self.home:
            self.classes.append(cls)
        self.write(self.scope, node.name, cls)

    def import_statement(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                value = self.project.module(alias.name, self.module) or Ref(alias.name)
                self.write(self.scope, alias.asname, value)
            else:
                top = alias.name.partition(".")[0]
                value = self.project.module(top, self.module) or Ref(top)
                self.write(self.scope, top, value)

    def import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.project.star(node, self.module, self)
                continue
            value = self.project.member(node, alias.name, self.module)
            self.write(self.scope, alias.asname or alias.name, value)

    def delete_statement(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                self.assign(target, Unknown())

    def global_statement(self, node: ast.Global) -> None:
        self.scope.slots.setdefault("__global__", set()).update(node.names)

    # Names

    def assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            scope = self.scope
            if "__global__" in scope.slots and target.id in scope.slots["__global__"]:
                scope = self.module.scope
            self.write(scope, target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self.unpack(target.elts, value)
        elif isinstance(target, ast.Attribute):
            self.set_attribute(self.eval(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self.set_item(self.eval(target.value), self.eval(target.slice), value)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value)

    def unpack(self, targets: list[ast.expr], value: Value) -> None:
        items = self.items(value)
        star = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        if isinstance(value, Iter) or items is None:
            for target in targets:
                self.assign(target, self.part(value, target))
            return
        if star is not None and len(items) >= len(targets) - 1:
            after = len(targets) - star - 1
            middle = items[star : len(items) - after]
            items = (*items[:star], List(middle), *items[len(items) - after :])
        for i, target in enumerate(targets):
            self.assign(target, items[i] if i < len(items) else Unknown())

    def part(self, value: Value, target: ast.expr) -> Value:
        """An item of something whose items are not known."""
        if isinstance(value, Array) and value.made is Made.DATA and value.shape is None:
            return value
        if isinstance(value, Iter):
            return value.item
        return Unknown(target.id if isinstance(target, ast.Name) else "")

    # Calls of functions of the program

    def call_function(self, f: Function, args: Args, receiver: Value | None = None) -> Value:
        if len(self.stack) >= _DEPTH or self.stack.count(f.node) >= 2:
            return Unknown()
        self.entered.add(f.node)
        scope = Scope(f.scope)
        self._bind(f, scope, args, receiver)
        outer, module = self.scope, self.module
        self.scope, self.module = scope, f.module
        self.stack.append(f.node)
        self.owners.append((f.owner, receiver))
        self.returns.append([])
        self.yields.append([])
        try:
            if isinstance(f.node, ast.Lambda):
                return self.eval(f.node.body)
            self.block(f.node.body)
            given = self.returns[-1]
            if f.generator:
                return Iter(_joined(self.yields[-1]))
            return _joined(given) if given else NONE
        finally:
            self.scope, self.module = outer, module
            self.stack.pop()
            self.owners.pop()
            self.returns.pop()
            self.yields.pop()

    def _bind(self, f: Function, scope: Scope, args: Args, receiver: Value | None) -> None:
        """Give the parameters their values; those that nobody gave are not known."""
        a = f.node.args
        names = [p.arg for p in (*a.posonlyargs, *a.args)]
        given = list(args.pos)
        if receiver is not None and "staticmethod" not in f.decorators:
            given.insert(0, receiver)
        slots = scope.slots
        first = len(names) - len(f.defaults)
        for i, name in enumerate(names):
            if i < len(given):
                slots[name] = given[i]
            elif name in args.kw:
                slots[name] = args.kw[name]
            elif (i >= first and not args.open) or (
                i >= first and isinstance(f.defaults[i - first], Loss | Function)
            ):
                slots[name] = f.defaults[i - first]
            else:
                slots[name] = self._parameter(f, name, i)
        if a.vararg is not None:
            extra = given[len(names) :]
            slots[a.vararg.arg] = (
                Unknown(a.vararg.arg) if args.open and not extra else Tuple(tuple(extra))
            )
        for p, default in zip(a.kwonlyargs, f.kw_defaults, strict=True):
            if p.arg in args.kw:
                slots[p.arg] = args.kw[p.arg]
            elif default is not None and (not args.open or isinstance(default, Loss | Function)):
                slots[p.arg] = default
            else:
                slots[p.arg] = Unknown(p.arg)
        if a.kwarg is not None:
            known = {*names, *(p.arg for p in a.kwonlyargs)}
            more = {k: v for k, v in args.kw.items() if k not in known}
            slots[a.kwarg.arg] = Dict(more, open=args.open)

    def _parameter(self, f: Function, name: str, at: int) -> Value:
        """A parameter that nobody gave: in a trainer's step, a batch of data."""
        steps = ("training_step", "validation_step", "test_step", "train_step", "predict_step")
        if f.owner is not None and f.name in steps and at == 1 and name not in ("state", "params"):
            return Array(made=Made.DATA, by=name, place=f.module.place(f.node), batched=True)
        return Unknown(name)

    def instantiate(self, cls: UserClass, args: Args) -> Value:
        """An object of a class of the program, its constructor run."""
        if len(self.stack) >= _DEPTH:
            return Unknown()
        made = Instance(cls)
        self.instances.setdefault(cls, []).append(made)
        init = cls.find("__init__")
        if isinstance(init, Function):
            self.call_function(init, args, made)
        else:
            self._fields(cls, made, args)
        for name in ("setup", "__post_init__"):
            more = cls.find(name)
            if isinstance(more, Function) and not (name == "setup" and _is_lightning(cls)):
                self.call_function(more, Args([], {}, args.node), made)
        made.made = dict(made.slots)
        return made

    def _fields(self, cls: UserClass, made: Instance, args: Args) -> None:
        """The fields of a dataclass, which flax modules and named tuples are as well."""
        names: list[str] = []
        order: list[UserClass] = [cls]
        for base in cls.bases:
            if isinstance(base, UserClass):
                order.insert(0, base)
        for c in order:
            names += [
                s.target.id
                for s in c.node.body
                if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
            ]
        from .library import chain_of

        chain = chain_of(cls, args)
        if chain is not None:
            self.write(made, "__chain__", chain)
        for i, name in enumerate(names):
            if i < len(args.pos):
                self.write(made, name, args.pos[i])
            elif name in args.kw:
                self.write(made, name, args.kw[name])
            elif args.open:
                self.write(made, name, Unknown(name))


_NOWHERE = ast.Constant(value=None, lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)


def _is_lightning(cls: UserClass) -> bool:
    return any(root.startswith(("lightning", "pytorch_lightning")) for root in cls.roots())


def _joined(values: list[Value]) -> Value:
    if not values:
        return Unknown()
    out = values[0]
    for value in values[1:]:
        out = join(out, value)
    return out


def _join_slot(a: Any, b: Any, key: Any) -> Any:
    if a is MISSING:
        return b
    if b is MISSING or a is b:
        return a
    if key == "items" and (a is None or b is None or several(a) is not None):
        one, other = several(a), several(b)
        if one is None or other is None or len(one) != len(other):
            return None
        return tuple(join(x, y) for x, y in zip(one, other, strict=True))
    return a if key == "__global__" else join(a, b)


def _same_slot(a: Any, b: Any) -> bool:
    one, other = several(a), several(b)
    if one is None or other is None:
        return a is b or same(a, b)
    return len(one) == len(other) and all(same(x, y) for x, y in zip(one, other, strict=True))


def _many_alike(items: Sequence[Value]) -> bool:
    """Numbers of a long range: one turn stands for all."""
    return len(items) > 8 and all(isinstance(i, Const) for i in items)


def _endless(node: ast.While) -> bool:
    if not (isinstance(node.test, ast.Constant) and node.test.value):
        return False
    return not any(isinstance(n, ast.Break) for n in ast.walk(node))


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        last = _last(node.func)
        if last == "partial" and node.args:
            return _last(node.args[0])
        return last
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _loaded(node: ast.expr) -> ast.expr:
    """A target as an expression that reads it."""
    return node


def _yields(node: ast.AST) -> bool:
    """Whether a function is a generator: a yield in it, outside functions within."""
    found = getattr(node, "_plogq_yields", None)
    if found is None:
        found = False
        todo: list[ast.AST] = list(getattr(node, "body", ())) if not isinstance(
            node, ast.Lambda
        ) else []  # fmt: skip
        while todo:
            n = todo.pop()
            if isinstance(n, ast.Yield | ast.YieldFrom):
                found = True
                break
            if not isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                todo.extend(ast.iter_child_nodes(n))
        node._plogq_yields = found  # pyright: ignore
    return found


def _assigned(node: ast.AST) -> set[str]:
    """The names that a loop assigns."""
    found = getattr(node, "_plogq_assigned", None)
    if found is None:
        found = {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        node._plogq_assigned = found  # pyright: ignore
    return found


_STATEMENTS: dict[type, Callable[[Interpreter, Any], Any]] = {
    ast.Expr: Interpreter.expr_statement,
    ast.Assign: Interpreter.assign_statement,
    ast.AnnAssign: Interpreter.ann_assign,
    ast.AugAssign: Interpreter.aug_assign,
    ast.Return: Interpreter.return_statement,
    ast.Raise: Interpreter.stop_statement,
    ast.Break: Interpreter.stop_statement,
    ast.Continue: Interpreter.stop_statement,
    ast.If: Interpreter.if_statement,
    ast.For: Interpreter.for_statement,
    ast.AsyncFor: Interpreter.for_statement,
    ast.While: Interpreter.while_statement,
    ast.Try: Interpreter.try_statement,
    ast.TryStar: Interpreter.try_statement,
    ast.With: Interpreter.with_statement,
    ast.AsyncWith: Interpreter.with_statement,
    ast.Match: Interpreter.match_statement,
    ast.FunctionDef: Interpreter.def_statement,
    ast.AsyncFunctionDef: Interpreter.def_statement,
    ast.ClassDef: Interpreter.class_statement,
    ast.Import: Interpreter.import_statement,
    ast.ImportFrom: Interpreter.import_from,
    ast.Delete: Interpreter.delete_statement,
    ast.Global: Interpreter.global_statement,
}

__all__ = ["Interpreter", "Method", "OutOfBudget"]
