"""The corpus, run: each program in this process under a watch of its own; what the rules said.

`python -m tests.doctor.running torch` runs the programs of one framework and prints JSON: for each
the codes that were found, the error it ended in, and the faults of the watchers themselves.
"""

from __future__ import annotations

import contextlib
import io
import json
import linecache
import os
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from .. import unoptimised
from .programs import Program, programs

# What cannot be undone: such programs are the last of their process.
_TF1 = re.compile(r"disable_v2_behavior|disable_eager_execution")
_OWN = {
    "keras": re.compile(
        r"^\s*(import|from) keras|^import .*\bkeras\b|tf\.keras"
        r"|tensorflow\.keras|tensorflow import keras",
        re.M,
    ),
    "tensorflow": re.compile(r"^\s*(import|from) tensorflow", re.M),
    "jax": re.compile(r"^\s*(import|from) (jax|optax|flax)|^import .*\bjax\b", re.M),
    "torch": re.compile(
        r"^\s*(import|from) (torch|pytorch_lightning|lightning|transformers|accelerate)"
        r"|^import .*\btorch\b",
        re.M,
    ),
}


FRAMEWORKS = (*_OWN, "sklearn")
_FRAMEWORK = r"^(import|from) (torch|jax|tensorflow|keras)"


def framework(program: Program) -> str:
    """The framework that a program needs a process of."""
    if _TF1.search(program.text):
        return "tensorflow"
    for name, pattern in _OWN.items():
        if pattern.search(program.text):
            return name
    return "sklearn"


# Programs that make a model and never call its loss: there is nothing to see at run time.
_NEVER_CALLED = frozenset(
    [
        "lightning_softmax",
        "hf_trainer_loss",
        "kl_default",
        "lightning_acc",
        "custom_loss_softmax",
        "keras_fn_activation",
        "one_class_keras_sparse",
        "keras_metric_logits",
        "custom_keras_loss_swapped",
        "tf_sigmoid_softmax_head",
    ]
)
# The errors of programs that need what is not here: a package, the network, a GPU.
_NOT_HERE = (
    "ModuleNotFoundError", "FileNotFoundError", "OSError", "Exception: URL fetch",
    "AssertionError: Torch not", "TypeError: Missing required argument `wrt`",
    "AttributeError: `dense` is not available with Keras 3",
)  # fmt: skip


def cannot_run(program: Program, said: dict[str, Any]) -> bool:
    """Whether a program's loss was never reached, through no fault of the doctor's."""
    error = said["error"] or ""
    if "by_hand" in program.family and not re.search(_FRAMEWORK, program.text, re.M):
        return True  # written in NumPy: nothing is called that could be watched
    return program.name in _NEVER_CALLED or error.startswith(_NOT_HERE)


def run(program: Program) -> dict[str, Any]:
    """Run one program and say what was found."""
    from plogq.doctor.watch.session import Session

    name = f"<program {program}>"
    text, *others = program.files.values()
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    folder = tempfile.TemporaryDirectory()
    sys.path.insert(0, folder.name)
    if others:
        program.write(Path(folder.name))
    said: dict[str, Any] = {"error": None}
    start = time.perf_counter()
    _steps[0] = 0
    seed()
    session = Session().start()
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            exec(compile(text, name, "exec", dont_inherit=True), {"__name__": "__main__"})
    except Enough:
        pass
    except BaseException as error:
        said["error"] = f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        watch = session.stop()
        sys.path.remove(folder.name)
        folder.cleanup()
        for module in program.files:
            sys.modules.pop(module.removesuffix(".py"), None)
    said["seconds"] = round(time.perf_counter() - start, 2)
    said["found"] = sorted({f.rule for f in watch.sightings.findings()})
    said["calls"] = sum(s.calls for s in watch.sightings.sites.values())
    said["sums"] = len(watch.sightings.sums)
    said["faults"] = watch.faults
    said["messages"] = [f"{f.rule} {f.level.value} {f.place.line}: {f.message}"
                        for f in watch.sightings.findings()]  # fmt: skip
    return said


class _Forward:
    """TensorFlow, as one who takes no gradients has it."""

    class GradientTape(contextlib.nullcontext["_Forward.GradientTape"]):
        def __init__(self) -> None:
            super().__init__(self)

        def gradient(self, loss: Any, variables: list[Any]) -> list[None]:
            return [None] * len(variables)

    def __init__(self, tf: Any) -> None:
        self.tf = tf

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tf, name)


def fakes() -> None:
    """Data sets that would be downloaded, as random numbers. Most of a program's time would go to
    what no rule looks at: its optimizer's steps are left out, and XLA; on TensorFlow also what its
    graphs are rewritten to, and the gradients that `fit` takes."""
    import keras
    import numpy as np
    from keras.src.trainers import trainer

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf
        from keras.src.backend.tensorflow import trainer as fits

        trainer.model_supports_jit = lambda model: False
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        fits.tf = _Forward(tf)
    keras.optimizers.Optimizer.apply = lambda self, grads, trainable_variables=None: None

    rng = np.random.default_rng(0)

    def images(shape: tuple[int, ...], classes: int, column: bool = False) -> Any:
        def load_data() -> Any:
            y = rng.integers(0, classes, (256, 1) if column else 256).astype("uint8")
            x = rng.integers(0, 256, (256, *shape)).astype("uint8")
            return (x, y), (x[:64], y[:64])

        return load_data

    keras.datasets.mnist.load_data = images((28, 28), 10)
    keras.datasets.fashion_mnist.load_data = images((28, 28), 10)
    keras.datasets.cifar10.load_data = images((32, 32, 3), 10, True)


def seed() -> None:
    """The same random numbers for every program."""
    import random

    import numpy as np

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  the programs use it
    for name, call in (("torch", "manual_seed"), ("tensorflow", "random.set_seed")):
        module: Any = sys.modules.get(name)
        for part in call.split("."):
            module = getattr(module, part, None)
        if module is not None:
            module(0)


class Enough(BaseException):
    """A program has trained for as long as it is worth."""


_steps = [0]


def _counted(before: Any) -> Any:
    def zero_grad(self: Any, *args: Any, **kwargs: Any) -> Any:
        _steps[0] += 1
        if _steps[0] > 12:
            raise Enough
        return before(self, *args, **kwargs)

    return zero_grad


def main() -> None:
    which = sys.argv[1]
    names = sys.argv[2:]
    os.chdir(tempfile.mkdtemp())
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ |= unoptimised.environment()
    if "torch" in (which, os.environ.get("KERAS_BACKEND")):
        import torch

        torch.set_num_threads(1)
    if which == "torch":
        torch.optim.Optimizer.zero_grad = _counted(torch.optim.Optimizer.zero_grad)
    if which in ("keras", "tensorflow"):
        fakes()
    if which == "jax":
        import optax

        # Step by step every operation of Adam is a program of its own, to compile.
        optax.adam = optax.adamw = lambda *args, **options: optax.sgd(0.001)
    out: dict[str, Any] = {}
    for program in sorted(programs(), key=lambda p: bool(_TF1.search(p.text))):
        if framework(program) == which and (not names or program.name in names):
            out[str(program)] = run(program)
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
