"""Where Keras' own backends disagree, and what plogq returns on each: `docs/compat-keras.md`.

`python -m benchmarks.keras_backends` prints the table; with `--write` it goes into the docs page,
between the markers. Every backend runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch", "numpy")
PAGE = Path(__file__).parents[1] / "docs" / "compat-keras.md"
START, END = "<!-- keras backends -->", "<!-- end of keras backends -->"


def _rows() -> dict[str, Callable[[Any], Any]]:
    """Each input in words, and the call with either package's losses."""
    import keras
    import numpy as np

    def tensor(x: Any, dtype: str = "float32") -> Any:
        return keras.ops.convert_to_tensor(np.array(x), dtype=dtype)

    thirds = tensor([[0.2, 0.3, 0.5]])
    column = tensor([[[0.2, 0.9], [0.8, 0.1]]])
    return {
        "sparse, q = (1e-9, 2e-9), y = 0": lambda m: m.sparse_categorical_crossentropy(
            tensor([0], "int32"), tensor([[1e-9, 2e-9]])
        ),
        "sparse, the class axis is 1 of 3": lambda m: m.sparse_categorical_crossentropy(
            tensor([[0, 1]], "int32"), column, axis=1
        ),
        "sparse, label 3 of 3 classes": lambda m: m.sparse_categorical_crossentropy(
            tensor([3], "int32"), thirds
        ),
        "sparse, label -1": lambda m: m.sparse_categorical_crossentropy(
            tensor([-1], "int32"), thirds
        ),
        "sparse, one class": lambda m: m.sparse_categorical_crossentropy(
            tensor([0], "int32"), tensor([[0.3]])
        ),
        "categorical, logits on axis -2 of 3": lambda m: m.categorical_crossentropy(
            column, column, from_logits=True, axis=-2
        ),
        "categorical, q = softmax(0, 100) by a Keras activation, y = (1, 0)": lambda m: (
            m.categorical_crossentropy(
                tensor([[1.0, 0.0]]), keras.activations.softmax(tensor([[0.0, 100.0]]))
            )
        ),
        "categorical, the same q with from_logits=True": lambda m: m.categorical_crossentropy(
            tensor([[1.0, 0.0]]),
            keras.activations.softmax(tensor([[0.0, 100.0]])),
            from_logits=True,
        ),
        "binary, logit 40, y = 0": lambda m: m.binary_crossentropy(
            tensor([[0.0]]), tensor([[40.0]]), from_logits=True
        ),
        "binary, q = 1 in float16, y = 0": lambda m: m.binary_crossentropy(
            tensor([[0.0]], "float16"), tensor([[1.0]], "float16")
        ),
        "binary, q = 1 in float16, y = 1": lambda m: m.binary_crossentropy(
            tensor([[1.0]], "float16"), tensor([[1.0]], "float16")
        ),
        "binary, y = 1.5, q = 0.5": lambda m: m.binary_crossentropy(
            tensor([[1.5]]), tensor([[0.5]])
        ),
        "binary, q = NaN, y = 1": lambda m: m.binary_crossentropy(
            tensor([[1.0]]), tensor([[float("nan")]])
        ),
        "dtype of the loss of float64 NumPy arrays": lambda m: keras.backend.standardize_dtype(
            m.categorical_crossentropy(np.eye(2), np.full((2, 2), 0.5)).dtype
        ),
        "gradient of logits (0, 0) for y = (2, 0)": lambda m: _gradient(
            lambda z: m.categorical_crossentropy(tensor([[2.0, 0.0]]), z, from_logits=True),
            tensor([[0.0, 0.0]]),
        ),
        "gradient of the divergence at q = 1, the bound, y = (1, 0)": lambda m: _gradient(
            lambda q: m.kl_divergence(tensor([[1.0, 0.0]]), q), tensor([[1.0, 0.5]])
        ),
    }


def _gradient(f: Callable[[Any], Any], x: Any) -> Any:
    import keras

    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = f(x)
        return tape.gradient(loss, x)
    if backend == "jax":
        import jax

        return jax.grad(lambda x: f(x).sum())(x)
    if backend == "torch":
        x = x.requires_grad_()
        f(x).sum().backward()
        return x.grad
    return "none"


def _shown(call: Callable[[], Any]) -> str:
    """What came of a call, in a table's cell."""
    import keras
    import numpy as np

    try:
        found = call()
    except Exception as error:
        return f"`{type(error).__name__}`"
    if isinstance(found, str):
        return found
    values = np.asarray(keras.ops.convert_to_numpy(found)).astype(float).ravel()
    return ", ".join(f"{x + 0.0:.5g}" for x in values)


def _of_this_backend() -> dict[str, tuple[str, str]]:
    """Every row: Keras' answer and ours."""
    import keras

    import plogq.compat.keras as ours

    warnings.simplefilter("ignore")
    return {
        row: (_shown(lambda c=call: c(keras.losses)), _shown(lambda c=call: c(ours)))
        for row, call in _rows().items()
    }


def answers() -> dict[str, dict[str, tuple[str, str]]]:
    """For every backend, in a process of its own: each row's two answers."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for backend in BACKENDS:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.keras_backends", "--this"],
            capture_output=True,
            text=True,
            check=True,
            cwd=PAGE.parents[1],
            env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        found[backend] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(found: dict[str, dict[str, tuple[str, str]]]) -> str:
    """Keras on every backend beside plogq on all of them."""
    lines = [
        "| input | " + " | ".join(f"Keras, {b}" for b in BACKENDS) + " | plogq |",
        "|:--|" + ":--|" * (len(BACKENDS) + 1),
    ]
    for row in found[BACKENDS[0]]:
        theirs = [found[backend][row][0] for backend in BACKENDS]
        ours = dict.fromkeys(found[backend][row][1] for backend in BACKENDS)
        ours.pop("none", None)
        lines.append(f"| {row} | " + " | ".join(theirs) + f" | {' or '.join(ours)} |")
    return "\n".join(lines)


def main() -> None:
    if "--this" in sys.argv:
        print(json.dumps(_of_this_backend()))
        return
    made = table(answers())
    print(made)
    if "--write" in sys.argv:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(START)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{START}\n\n{made}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
