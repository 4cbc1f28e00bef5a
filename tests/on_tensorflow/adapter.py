"""TensorFlow, as the suites ask: eagerly, in graphs and in programs of XLA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from .. import bounds
from ..suite.framework import Apart, Array, Framework
from . import tensors


class TensorFlow(Framework):
    name = "tensorflow"
    ways = tensors.WAYS
    slow = ("xla",)
    few = (bounds.DTYPES[0], bounds.BFLOAT16)
    examples = 12
    many = 500

    def some(self, values: Sequence[Any], step: int = 3) -> Sequence[Any]:
        return values[::step]

    def put(self, x: Any) -> Any:
        return tf.constant(x)

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        with tensors.by(way):
            yield

    def call(self, way: str, f: Callable[..., Any], *held: Any, **options: Any) -> Any:
        apart = Apart(held)

        def run(*given: Any) -> Any:
            return f(*apart.together(given), **options)

        with self.by(way):
            found = tensors.traced(way, run, *map(self.put, apart.arrays), unknown=False)
        return tf.nest.map_structure(np.asarray, found)

    def pull(
        self,
        way: str,
        f: Callable[..., Any],
        *held: Any,
        of: Sequence[int] | None = None,
        weights: Any = None,
        **options: Any,
    ) -> tuple[Any, list[list[Array | None]]]:
        apart = Apart(held)
        wanted = apart.floats(of)

        def run(*given: Any) -> Any:
            with self.by(way), tf.GradientTape() as tape:
                tape.watch([given[i] for i in wanted])
                value = f(*apart.together(given), **options)
            values = value if isinstance(value, tuple) else (value,)
            flows = weights if isinstance(weights, tuple) else (weights,) * len(values)
            up = [
                tf.ones_like(v) if w is None else tf.constant(w, v.dtype)
                for v, w in zip(values, flows, strict=True)
            ]
            sources = [given[i] for i in wanted]
            zero = tf.UnconnectedGradients.ZERO
            return value, tape.gradient(list(values), sources, up, unconnected_gradients=zero)

        value, gradients = tensors.traced(way, run, *map(self.put, apart.arrays))
        gradients = [np.asarray(g) for g in gradients]
        return tf.nest.map_structure(np.asarray, value), apart.nested(of, wanted, gradients)

    def reached(self, way: str, check: Any, classes: int = 2) -> Any:
        """TensorFlow's own threads take subnormal numbers for 0; the kernels keep them."""
        return tensors.reached(way, check)


FRAMEWORK = TensorFlow()
