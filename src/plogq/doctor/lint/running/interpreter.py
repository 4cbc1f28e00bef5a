"""The interpreter: a file run in thought, statement by statement, then what it never called.

A loop runs once, and again from the join where its first turn changed what it began with. All
changes go through a journal, so that a branch can be taken back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from ...facts import Cut, Place, Seen, ungraded
from ..journal import Journal
from ..machine import NOWHERE, Imports, Library, OutOfBudget, Sight
from ..modules import Module
from ..relevance import relevant
from ..supposed import Supposed
from ..values import (
    Args,
    Const,
    Default,
    Function,
    Instance,
    Unknown,
    UserClass,
    Value,
)
from . import assignments, attributes, calls, containers, definitions, operators
from .expressions import EXPRESSIONS
from .statements import STATEMENTS

_BUDGET = 40_000  # nodes for one file, and as many again as it has lines, times eight


class Interpreter(Journal):
    """One file, read to its end; `found` has what was seen, each with the node of its options."""

    def __init__(
        self, module: Module, project: Imports, library: Library, no_arguments: bool = False
    ) -> None:
        """`no_arguments`: as it runs where it is given none, and nothing that it never calls."""
        super().__init__()
        self.no_arguments = no_arguments
        self.asked = False  # whether it takes arguments that have defaults
        self.library = library
        self.module = module
        self.project = project
        self.left = _BUDGET + 8 * len(module.lines)
        self.found: list[Sight] = []
        self.supposed: list[tuple[Supposed, ast.AST, Module]] = []
        self.cuts: list[Cut] = []
        self.stack: list[ast.AST] = []
        self.loops: list[tuple[int, ast.AST]] = []
        self.returns: list[list[Value]] = []
        self.yields: list[list[Value]] = []
        self.owners: list[tuple[UserClass | None, Value | None]] = []
        self.entered: set[ast.AST] = set()
        self.functions: dict[ast.AST, Function] = {}
        self.instances: dict[UserClass, list[Instance]] = {}
        self.scope = module.scope
        self.alone = False
        self.graded = True
        self.faults: list[Exception] = []  # of ours: what is left is read all the same

    function = definitions.function
    call = calls.call
    call_function = calls.call_function
    instantiate = calls.instantiate
    assign = assignments.assign
    binary = operators.binary
    get_attribute = attributes.get_attribute
    force = attributes.force
    item = containers.item
    items = containers.items
    element = containers.element

    @property
    def home(self) -> Module:
        """The file that is being read, whatever module's function runs."""
        return self.project.home or self.module

    # What was seen

    def see(
        self,
        seen: Seen,
        call: ast.AST | None = None,
        options: ast.expr | None = None,
        module: Module | None = None,
    ) -> None:
        """Note a sighting: the call of the loss, and where its options stand."""
        if not self.graded:
            seen = ungraded(seen)
        self.found.append((seen, call, options, module or self.module))

    def place(self, node: ast.AST) -> Place:
        return self.module.place(node)

    def given(self, default: Any) -> Value:
        """What an argument of the script is."""
        self.asked = True
        return Const(default) if self.no_arguments else Default(default)

    # The whole file

    def run(self) -> None:
        """Run the file, then what it never called, with arguments that are not known."""
        self.module.scope.slots["__name__"] = Const("__main__")
        home = self.module
        try:
            self._guarded(lambda: self.block(home.tree.body))
            if not self.no_arguments:
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
            for kept in (self.stack, self.loops, self.owners, self.returns, self.yields):
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
        self.alone = True
        try:
            self.call_function(f, Args([], {}, NOWHERE, open=True), receiver)
        finally:
            self.alone = False

    def instance_of(self, cls: UserClass) -> Value:
        """An object of a class: one that the program made, or one made of unknown arguments."""
        made = self.instances.get(cls)
        if made:
            return made[0]
        for other, known in self.instances.items():
            if known and cls in other.bases:
                return known[0]
        return self.instantiate(cls, Args([], {}, NOWHERE, open=True))

    # Code: each statement says whether the next one is reached

    def block(self, body: Sequence[ast.stmt]) -> bool:
        for statement in body:
            self.left -= 1
            if self.left < 0:
                raise OutOfBudget
            do = STATEMENTS.get(type(statement))
            if do is not None and do(self, statement) is False:
                return False
        return True

    def eval(self, node: ast.expr) -> Value:
        """What an expression stands for."""
        self.left -= 1
        if self.left < 0:
            raise OutOfBudget
        do = EXPRESSIONS.get(type(node))
        return Unknown() if do is None else do(self, node)
