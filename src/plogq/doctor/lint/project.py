"""The files of a project: what an import inside it brings, read once and followed when needed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from .machine import Machine
from .modules import Module
from .names import LIBRARIES
from .sources import Unreadable, read_module
from .values import Record, Ref, Scope, Unknown, Value

_FOLLOWED = 40  # files of the project for one that is read
_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git", "requirements.txt")
_SPEAKS = ("torch", "keras", "tensorflow", "jax", "flax", "optax", "sklearn", "haiku", "equinox")


class Project:
    """What was read so far, and where imports of one file begin."""

    def __init__(self, show: Callable[[Path], str] = str) -> None:
        self.show = show
        self.known: dict[Path, Module | None] = {}
        self.home: Module | None = None
        self.left = _FOLLOWED

    def begin(self, module: Module) -> None:
        """Read for this file from now on."""
        self.home = module
        self.left = _FOLLOWED

    # Finding files

    def roots(self, module: Module) -> list[Path]:
        """The folders in which an absolute import of a file may begin."""
        if module.path is None:
            return []
        out = [module.path.parent]
        for i, folder in enumerate(module.path.parents):
            if i > 6:
                break
            if folder not in out:
                out.append(folder)
            if any((folder / mark).exists() for mark in _MARKS):
                if (folder / "src").is_dir():
                    out.append(folder / "src")
                break
        else:
            return out[:3]
        return out

    def find(self, name: str, module: Module) -> Path | None:
        """The file of an absolute import, if it is one of the project's."""
        parts = name.split(".")
        if parts[0] in LIBRARIES:
            return None
        for root in self.roots(module):
            found = _file(root.joinpath(*parts))
            if found is not None and found != module.path:
                return found
        return None

    def _relative(self, node: ast.ImportFrom, module: Module) -> Path | None:
        if module.path is None or of_library(module.path):
            return None
        folder = module.path.parent
        for _ in range(node.level - 1):
            folder = folder.parent
        return folder.joinpath(*(node.module or "").split(".")) if node.module else folder

    # Loading them

    def load(self, path: Path, on: Machine) -> Module | None:
        """A module of the project, run once; None where it cannot be read."""
        if path in self.known:
            return self.known[path]
        if self.left <= 0:
            return None
        self.left -= 1
        self.known[path] = None
        try:
            module = read_module(path, self.show(path), needs=_SPEAKS)
        except Unreadable:
            return None
        if module is None:
            return None
        self.known[path] = module
        outer, scope, stack = on.module, on.scope, on.stack
        owners, returns, yields = on.owners, on.returns, on.yields
        on.module, on.scope, on.stack = module, module.scope, []
        on.owners, on.returns, on.yields = [], [], []
        module.scope.slots["__name__"] = _NAME
        mark, left = len(on.journal), on.left
        try:
            on.block(module.tree.body)
        finally:
            on.module, on.scope, on.stack = outer, scope, stack
            on.owners, on.returns, on.yields = owners, returns, yields
            # What an import made stays, whichever branch asked for it.
            kept = [j for j in on.journal[mark:] if j[0] is not module.scope]
            on.journal[mark:] = [j for j in kept if isinstance(j[0], Scope)]
            on.left = max(on.left, left // 2)
        return module

    def module(self, name: str, module: Module) -> Value | None:
        """`import name`: a module of the project, or None."""
        path = self.find(name, module)
        return None if path is None else self._module_of(path)

    def _module_of(self, path: Path) -> Record:
        def load(on: Machine) -> Value:
            found = self.load(path, on)
            if found is None:
                return Unknown()

            def submodule(name: str) -> Value | None:
                inner = _file(path.parent / name) if path.name == "__init__.py" else None
                return None if inner is None else self._module_of(inner)

            return Record("module", module=found, submodule=submodule)

        return Record("lazy", load=load)

    def member(self, node: ast.ImportFrom, name: str, module: Module) -> Value:
        """`from module import name`."""
        if node.level:
            base = self._relative(node, module)
            path = None if base is None else _file(base)
            inner = None if base is None else _file(base / name)
        else:
            full = node.module or ""
            if full.split(".")[0] in LIBRARIES:
                return Ref(f"{full}.{name}")
            path = self.find(full, module)
            inner = None
            if path is not None and path.name == "__init__.py":
                inner = _file(path.parent / name)
            elif path is None:
                inner = self.find(f"{full}.{name}", module)
            if path is None and inner is None:
                return Ref(f"{full}.{name}")
        if inner is not None:
            return self._module_of(inner)
        if path is None:
            return Unknown(name)

        def load(on: Machine) -> Value:
            found = self.load(path, on)
            if found is None:
                return Unknown(name)
            value = found.scope.slots.get(name)
            if isinstance(value, Record) and value.name == "lazy":
                return on.force(value)
            return Unknown(name) if value is None else value

        return Record("lazy", load=load)

    def star(self, node: ast.ImportFrom, module: Module, on: Machine) -> None:
        """`from module import *`."""
        if node.level:
            base = self._relative(node, module)
            path = None if base is None else _file(base)
        else:
            full = node.module or ""
            if full.split(".")[0] in LIBRARIES:
                for name in _STARRED.get(full, "").split():
                    on.write(on.scope, name, Ref(f"{full}.{name}"))
                return
            path = self.find(full, module)
        if path is None:
            return
        found = self.load(path, on)
        if found is not None:
            for name, value in found.scope.slots.items():
                if isinstance(name, str) and not name.startswith("_"):
                    on.write(on.scope, name, value)


@lru_cache(maxsize=4096)
def _top_package(folder: Path) -> str:
    """The name of the outermost package that a folder belongs to."""
    name = ""
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        name, folder = folder.name, folder.parent
    return name


def of_library(path: Path) -> bool:
    """Whether a file belongs to a library that the tables know."""
    return _top_package(path.absolute().parent) in LIBRARIES


def _file(base: Path) -> Path | None:
    """A module's file: base.py, or base/__init__.py."""
    if not base.name or base.name == base.anchor:
        return None
    try:
        plain = base.with_name(base.name + ".py")
        if plain.is_file():
            return plain.resolve()
        package = base / "__init__.py"
        return package.resolve() if package.is_file() else None
    except (OSError, ValueError):
        return None


# What `from library import *` is used for in scripts.
_STARRED = {
    "torch.nn": "Module Linear Conv1d Conv2d Sequential Softmax LogSoftmax Sigmoid ReLU Tanh "
    "Dropout Flatten CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss KLDivLoss LSTM GRU "
    "Embedding BatchNorm1d BatchNorm2d MaxPool2d AdaptiveAvgPool2d",
    "torch.nn.functional": "softmax log_softmax sigmoid relu cross_entropy nll_loss dropout "
    "binary_cross_entropy binary_cross_entropy_with_logits kl_div one_hot",
    "tensorflow.keras.layers": "Dense Flatten Conv2D Dropout Activation Input LSTM GRU Embedding "
    "Softmax MaxPooling2D GlobalAveragePooling2D BatchNormalization Reshape TimeDistributed",
    "keras.layers": "Dense Flatten Conv2D Dropout Activation Input LSTM GRU Embedding Softmax "
    "MaxPooling2D GlobalAveragePooling2D BatchNormalization Reshape TimeDistributed",
}
_NAME = Ref("__imported__")
