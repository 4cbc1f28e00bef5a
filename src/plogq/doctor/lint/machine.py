"""What runs a program in thought, as those see it who are run: a protocol, and no interpreter.

A verb of arrays asks for a `Desk` alone, which a watched run has too; what libraries' functions do
asks for the whole `Machine`, and is itself given to it as a `Library`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..facts import Cut, Place, Seen
from .modules import Module
from .slots import Scope, Slots
from .supposed import Supposed
from .values import Args, Function, Instance, Model, Record, UserClass, Value

NOWHERE = ast.Constant(value=None, lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
DEPTH = 24  # functions within functions
UNGRADED = frozenset({"no_grad", "inference_mode"})  # of PyTorch: contexts and decorators


Sight = tuple[
    Seen, ast.AST | None, ast.expr | None, Module
]  # its call, and where its options stand
Code = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class OutOfBudget(Exception):
    """The program is too large to be followed to its end."""


class Source(Protocol):
    """What gives the text of a node."""

    def text(self, node: ast.AST, limit: int = 60) -> str: ...


class Desk(Protocol):
    """Where verbs work: they ask where they are, and note what they see."""

    cuts: list[Cut]

    @property
    def module(self) -> Source: ...

    def place(self, node: ast.AST) -> Place: ...
    def see(self, seen: Seen, call: ast.AST | None = None) -> None: ...
    def items(self, value: Value) -> tuple[Value, ...] | None: ...
    def binary(self, op: ast.operator, a: Value, b: Value, node: ast.AST) -> Value: ...


class Machine(Protocol):
    """One file being read: where it is, what is known there, and what can be done with it."""

    library: Library
    project: Imports
    module: Module
    scope: Scope
    left: int
    found: list[Sight]
    supposed: list[tuple[Supposed, ast.AST, Module]]
    cuts: list[Cut]
    journal: list[tuple[Slots, Any, Any]]
    stack: list[ast.AST]
    loops: list[tuple[int, ast.AST]]  # those that run, each with the functions around it
    returns: list[list[Value]]
    yields: list[list[Value]]
    owners: list[tuple[UserClass | None, Value | None]]
    entered: set[ast.AST]
    functions: dict[ast.AST, Function]
    instances: dict[UserClass, list[Instance]]
    alone: bool  # what runs is a function that nobody called
    graded: bool  # whether gradients may be taken of what runs

    def given(self, default: Any) -> Value: ...  # what a caller may give, and this where none does

    @property
    def home(self) -> Module: ...

    def place(self, node: ast.AST) -> Place: ...
    def see(
        self,
        seen: Seen,
        call: ast.AST | None = None,
        options: ast.expr | None = None,
        module: Module | None = None,
    ) -> None: ...

    # Changes that can be taken back
    def write(self, target: Slots, key: Any, value: Any) -> None: ...
    def rollback(self, mark: int) -> None: ...
    def ways(self, runs: Sequence[Callable[[], bool]]) -> bool: ...

    # Code
    def block(self, body: Sequence[ast.stmt]) -> bool: ...
    def eval(self, node: ast.expr) -> Value: ...
    def assign(self, target: ast.expr, value: Value) -> None: ...
    def binary(self, op: ast.operator, a: Value, b: Value, node: ast.AST) -> Value: ...

    # Functions and classes
    def function(self, node: Code, scope: Scope, owner: UserClass | None = None) -> Value: ...
    def call(self, f: Value, args: Args) -> Value: ...
    def call_function(self, f: Function, args: Args, receiver: Value | None = None) -> Value: ...
    def instantiate(self, cls: UserClass, args: Args) -> Value: ...

    # What values hold
    def get_attribute(self, of: Value, name: str, node: ast.expr) -> Value: ...
    def item(self, of: Value, key: Value, node: ast.expr) -> Value: ...
    def items(self, value: Value) -> tuple[Value, ...] | None: ...
    def element(self, over: Value, node: ast.expr) -> Value: ...
    def force(self, lazy: Record) -> Value: ...


class Imports(Protocol):
    """What imports bring: modules of the project, or names of libraries."""

    home: Module | None

    def module(self, name: str, module: Module) -> Value | None: ...
    def member(self, node: ast.ImportFrom, name: str, module: Module) -> Value: ...
    def star(self, node: ast.ImportFrom, module: Module, on: Machine) -> None: ...


@dataclass(frozen=True, slots=True)
class Library:
    """What is known of libraries, and of Python's own functions."""

    builtins: Mapping[str, Value]
    called: Callable[[Machine, Value, Args], Value]
    attribute: Callable[[Machine, Value, str, ast.expr], Value]
    chain_of: Callable[[UserClass, Args], Value | None]
    made_class: Callable[[Machine, UserClass, Args], Value | None]
    base_method: Callable[[Machine, UserClass, Value, str], Value]
    replaced_head: Callable[[Machine, Model, Value], Value]
