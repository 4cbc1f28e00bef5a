"""What an import loads, and which module may import which: downward only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import plogq

from .together import for_each

PACKAGE = Path(plogq.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Each layer, and the layers that it may import. A module belongs to the longest name that fits.
BASE = ("errors", "frameworks", "frameworks.versions")
ALGEBRA = ("algebra", "algebra.labels")
REPRESENTATIONS = ("representations",)
CORE = (
    *("representations", "callers", "checks", "elsewhere", "options", "reduction", "shaping"),
    *ALGEBRA,
)
# What is known of arrays and losses, and the rules over both.
FACTS = tuple(f"doctor.{n}" for n in ("facts", "contracts", "findings", "numbers", "rules"))
# The command line and the scoring of files use what a caller may use.
PUBLIC = ("", "kernels", "native", *ALGEBRA, *BASE)
LAYERS: dict[str, tuple[str, ...]] = {
    "errors": (),
    # The mathematics knows no framework: it is given verbs.
    "algebra": ("algebra", "algebra.labels"),
    "algebra.labels": ("errors",),
    "native": ("native", "algebra"),
    # A framework is a folder: verbs, kernels, automatic differentiation.
    "frameworks.versions": (),
    "frameworks": (*ALGEBRA, *BASE, "native"),
    "kernels": ("kernels", "ranks.kernel", "ranks.pairs", "native", *ALGEBRA, *BASE),
    "options": BASE,
    "elsewhere": ("options",),
    "callers": (),
    "softmax_twice": ("checks", "errors", "native"),
    "class_weights": ("options", *BASE),
    "checks": ("options", "native", *ALGEBRA, *BASE),
    "reduction": ("checks", "options", "native", *ALGEBRA, *BASE),
    "shaping": ("options", *ALGEBRA, *BASE),
    "representations": (
        *("representations", "checks", "class_weights", "elsewhere", "options", "softmax_twice"),
        *(*ALGEBRA, *BASE),
    ),
    # Scores over ranks know how shards of the classes add up, and what ranks tell one another.
    "ranks.collectives": ("errors",),
    "ranks.kernel": ("ranks.collectives", *ALGEBRA, *BASE),
    "ranks.pairs": ("ranks.collectives", "ranks.kernel", *ALGEBRA, *BASE),
    "ranks": ("ranks", "ranks.collectives", "ranks.kernel", "ranks.pairs", *CORE, *BASE),
    "fits": (*CORE, *BASE),
    "pairing": ("fits", "ranks", "kernels", *CORE, *BASE),
    "definition": ("pairing", "kernels", "native", *CORE, *BASE),
    "divergence": ("definition", "pairing", *CORE, *BASE),
    "helpers": ("definition", "fits", "pairing", *CORE, *BASE),
    "lazy": (),
    "interrupted": (),
    # `evaluate` and `diagnose` are named there, and loaded when they are used.
    "": (
        *("keras_saving", "definition", "divergence", "helpers", "lazy", "nn.patching"),
        *("doctor", "doctor.diagnosis", "score", *CORE, *BASE),
    ),
    "boost": ("boost", "pairing", "options", "shaping", *REPRESENTATIONS, *ALGEBRA, *BASE),
    "compat": ("compat", "compat.declared", "lazy", "options", *PUBLIC),
    "nn.patching": ("definition", "options", *REPRESENTATIONS, *BASE),
    "nn": ("class_weights", "lazy", "options", *PUBLIC),
    "score": ("score", "checks", "definition", "divergence", "native", *REPRESENTATIONS, *BASE),
    # The rules judge facts, and know neither the linter nor how its findings are printed.
    "compat.declared": (),
    "keras_saving": BASE,
    **dict.fromkeys(FACTS, (*FACTS, "compat", "compat.declared")),
    "doctor.pages": FACTS,
    "doctor.lint": (*FACTS, "doctor.lint"),
    "doctor.output": (*FACTS, "doctor.lint", "doctor.output"),
    "doctor.server": ("", *FACTS, "doctor.lint"),
    # Watching shares the linter's algebra of facts, and its printers.
    "doctor.watch": ("", *FACTS, "doctor.lint", "doctor.output", "doctor.watch"),
    "doctor.diagnosis": (*FACTS, "doctor.watch", "definition", "representations", *BASE),
    "doctor": (*FACTS, "doctor.watch"),
    "decision": PUBLIC,
    # The commands: one a file, what they have in common, where they come together, the way in.
    "cli.interrupted": (),
    "cli.console": ("cli.interrupted", "score", *PUBLIC),
    "cli.options": ("cli.console", "score", *PUBLIC),
    "cli.choose": ("cli.console", "decision", "score", *PUBLIC),
    **dict.fromkeys(("cli.compare", "cli.report"), ("cli.console", "cli.options", "score")),
    "cli.findings": ("", "doctor.lint", "doctor.output"),
    "cli.lint": (
        *("cli.findings", "doctor.pages", "doctor.lint", "doctor.output", "doctor.server"),
        *FACTS,
    ),
    "cli.doctor": ("cli.findings", "doctor.watch"),
    "cli.commands": (
        *("cli.choose", "cli.compare", "cli.console", "cli.doctor", "cli.lint", "cli.options"),
        *("cli.report", "score", *PUBLIC),
    ),
    "cli": ("cli.commands", "cli.doctor", "cli.interrupted", "score", *PUBLIC),
    "__main__": ("cli",),
}
# What may be imported besides ourselves and the standard library, and by whom.
OUTSIDE = {
    "frameworks": {"jax", "numpy", "tensorflow", "torch", "triton"},
    "native": {"numpy"},
    "ranks": {"torch"},
    "representations": {"jax"},
    "boost": {"numpy"},
    "compat": {"jax", "keras", "numpy", "sklearn", "tensorflow", "torch"},
    "nn": {"torch"},
    "score": {
        *("jinja2", "markupsafe", "matplotlib", "fsspec", "narwhals", "numpy", "pyarrow", "rich"),
    },
    "cli": {"typer", "rich"},
    "doctor": {
        *("rich", "typer", "numpy", "pytest", "torch", "jax", "optax", "tensorflow", "keras"),
        *("sklearn", "lightning", "pytorch_lightning", "transformers", "lsprotocol", "pygls"),
    },
}


def module_name(path: Path) -> str:
    """The dotted name below plogq, "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(name: str) -> str:
    fitting = [x for x in LAYERS if x and (name == x or name.startswith(x + "."))]
    if not fitting and name:
        raise AssertionError(f"plogq.{name} has no layer: say in LAYERS what it may import")
    return max(fitting, key=len, default="")


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """Every module that a file imports, anywhere in it, and whether it is ours."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    package = ["plogq", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _split(alias.name)
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                names = [node.module or ""]
                if names == ["plogq"]:
                    names = [_submodule("plogq", alias.name) for alias in node.names]
            else:
                base = ".".join(package[: len(package) - node.level + 1])
                base = f"{base}.{node.module}" if node.module else base
                names = [_submodule(base, alias.name) for alias in node.names]
            for name in names:
                yield from _split(name)


def _submodule(base: str, name: str) -> str:
    """`from base import name` imports base.name if that is a module, else base."""
    folder = PACKAGE.joinpath(*base.split(".")[1:])
    # A compiled module has a suffix of its own, and is built later than this is read.
    is_module = (folder / f"{name}.py").exists() or (folder / name).is_dir()
    return f"{base}.{name}" if is_module else base


def _split(name: str) -> Iterator[tuple[str, bool]]:
    if name == "plogq" or name.startswith("plogq."):
        yield name.partition(".")[2], True
    else:
        yield name, False


@for_each("path", MODULES, ids=lambda p: module_name(p) or "plogq")
def test_imports_run_downward_only(path: Path) -> None:
    here = layer(module_name(path))
    for name, ours in imports(path):
        if ours:
            there = layer(name)
            assert there in LAYERS[here], f"{here or 'plogq'} imports {there or 'plogq'}: {name}"


@for_each("path", MODULES, ids=lambda p: module_name(p) or "plogq")
def test_only_frameworks_and_kernels_of_the_core_import_numpy(path: Path) -> None:
    """The formula is written once, in verbs; the definition knows no framework."""
    here = layer(module_name(path)).partition(".")[0]
    allowed = OUTSIDE.get(here, set())
    for name, ours in imports(path):
        top = name.partition(".")[0]
        if not ours and top not in sys.stdlib_module_names:
            assert top in allowed, f"{path.name} imports {name}"


def test_the_test_of_the_layers_sees_what_it_should(tmp_path: Path) -> None:
    """It reads imports inside functions, relative ones and whole-package ones."""
    found = dict.fromkeys(name for path in MODULES for name, ours in imports(path) if ours)
    for expected in ("frameworks", "algebra.contract", "kernels.table", "definition"):
        assert expected in found
    lazy = [name for name, _ in imports(PACKAGE / "frameworks" / "rows.py")]
    assert {"frameworks.numpy.kernels", "frameworks.torch.kernels"} <= set(lazy)
    assert "definition" not in LAYERS["kernels"]


@cache
def loaded(statement: str) -> set[str]:
    """The top-level modules outside the standard library that a fresh process has afterwards."""
    program = (
        f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    tops = {name.partition(".")[0] for name in run.stdout.split()}
    return tops - set(sys.stdlib_module_names)


def test_import_plogq_loads_numpy_and_nothing_else() -> None:
    """No other framework, no library of the command line, no ml_dtypes."""
    with_numpy = loaded("import numpy")
    assert "numpy" in with_numpy
    assert loaded("import plogq") - with_numpy == {"plogq"}


def test_using_plogq_loads_nothing_more() -> None:
    use = (
        "import plogq; plogq.value_and_grad(plogq.Labels([1]), plogq.Logits([[2.0, 5.0]])); "
        "plogq.value_and_grad(plogq.Labels([1]), plogq.LinearLogits([[2.0]], [[1.0], [2.0]]))"
    )
    assert loaded(use) - loaded("import numpy") == {"plogq"}


FRAMEWORKS = {"torch", "jax", "tensorflow", "keras", "sklearn", "optax"}
# What is of one framework is asked of one process: what all of it leaves out, each part does.
PARTS = {
    "import plogq.compat.torch, plogq.nn.torch, torch, plogq; "
    "plogq.log_normalizer(plogq.Logits(torch.ones(1, 2)))": {"torch"},
    "import plogq.compat.optax, jax, plogq; "
    "plogq.log_normalizer(plogq.Logits(jax.numpy.ones((1, 2))))": {"jax"},
    "import plogq.compat.sklearn": {"sklearn"},
    "import plogq.compat.theano, plogq.compat.cntk": set(),
}


@pytest.mark.slow
@for_each("statement", PARTS)
def test_the_part_of_one_framework_loads_no_other(statement: str) -> None:
    assert loaded(statement) & FRAMEWORKS == PARTS[statement]


@pytest.mark.slow
def test_the_part_of_tensorflow_loads_what_tensorflow_loads() -> None:
    """TensorFlow itself loads Keras, which may load others; ours adds nothing to that."""
    statement = (
        "import plogq.compat.tensorflow, tensorflow as tf, plogq; "
        "plogq.log_normalizer(plogq.Logits(tf.ones((1, 2))))"
    )
    theirs = loaded("import tensorflow as tf; tf.keras, tf.ones(1)") & FRAMEWORKS
    assert loaded(statement) & FRAMEWORKS <= theirs
    assert "torch" not in theirs


@pytest.mark.slow
def test_the_part_of_keras_loads_what_keras_loads() -> None:
    statement = "import os; os.environ['KERAS_BACKEND'] = 'numpy'; import {}"
    found = loaded(statement.format("plogq.compat.keras")) & FRAMEWORKS
    assert found == loaded(statement.format("keras")) & FRAMEWORKS


def test_import_plogq_does_not_load_the_command_line() -> None:
    program = "import sys, plogq; print(*(m for m in sys.modules if m.startswith('plogq')))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    names = run.stdout.split()
    assert "plogq.definition" in names
    assert not [n for n in names if n.startswith(("plogq.cli", "plogq.score"))]


def test_the_public_names_are_those_that_exist() -> None:
    assert sorted(plogq.__all__) == sorted(set(plogq.__all__))
    for name in plogq.__all__:
        assert getattr(plogq, name) is not None
    # pytest writes names into a package that brings it a plugin: none of them can be typed.
    public = {n for n in vars(plogq) if n.isidentifier() and not n.startswith("_")}
    modules = {module_name(p).partition(".")[0] for p in MODULES}
    assert public - modules <= set(plogq.__all__)
