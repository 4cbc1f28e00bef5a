"""TensorFlow, as the suites ask: eagerly, in graphs and in programs of XLA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

import plogq

from .. import bounds
from ..suite.apart import Apart
from ..suite.framework import Array, Framework, Named, named
from . import tensors


class TensorFlow(Framework):
    name = "tensorflow"
    thin = programs = True
    ways = tensors.WAYS
    slow = ("xla",)
    few = (bounds.DTYPES[0], bounds.BFLOAT16)
    examples = 12
    many = 500

    def put(self, x: Any) -> Any:
        return tf.constant(x)

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        with tensors.by(way):
            yield

    def ran(
        self,
        way: str,
        key: Any,
        f: Callable[..., Any],
        run: Callable[..., Any],
        given: Sequence[Any],
        unknown: bool = True,
    ) -> Any:
        """run(*given) by this way; what is recorded is kept for what has the same form."""
        if way in tensors.EAGER:
            return run(*given)
        program = self.program((way, *key), f, lambda: tensors.program(way, run, given, unknown))
        return program(*given)

    def call(self, way: str, f: Callable[..., Any], *held: Any, **options: Any) -> Any:
        apart = Apart(held)

        def run(*given: Any) -> Any:
            return f(*apart.together(given), **options)

        key = ("value", f, str(options), apart.form())
        with self.by(way):
            found = self.ran(way, key, f, run, [*map(self.put, apart.arrays)], unknown=False)
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

        key = ("slopes", f, str(options), of, str(weights), apart.form())
        value, gradients = self.ran(way, key, f, run, [*map(self.put, apart.arrays)])
        gradients = [np.asarray(g) for g in gradients]
        return tf.nest.map_structure(np.asarray, value), apart.nested(of, wanted, gradients)

    def contract_ways(self, p: str, q: str, layers: str, wrappers: Sequence[str]) -> Sequence[str]:
        """To record a graph takes longer than to run it: those are of one of each part."""
        eager = tensors.EAGER if layers in wrappers[-2:] else tensors.EAGER[:1]
        some = eager if layers in (*wrappers[-2:], "plain") else ()
        return self.ways if (p, q) in self.pairs else some

    def contract_dtypes(self, p: str, q: str, way: str) -> Sequence[Any]:
        return self.dtypes if way == "cpu" else self.two

    def shaped_pairs(self, way: str) -> list[tuple[Any, str]]:
        few = way not in tensors.EAGER
        dtypes = self.two[:1] if few else (self.dtypes[0], self.dtypes[3])
        return [(d, q) for d in dtypes for q in (("Logits",) if few else ("Logits", "Probs"))]

    def twice(
        self, way: str, p: Any, q: Any, f: Callable[..., Any] = plogq.cross_entropy, **options: Any
    ) -> Named:
        apart = Apart((q,))
        inputs = [self.put(x) for x in apart.arrays]
        with self.by(way), tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                loss = f(self.on(p), *apart.together(inputs), **options)
            first = inner.gradient(loss, inputs)
            squares = tf.add_n([tf.reduce_sum(g**2) for g in first])
        return named(q, [np.asarray(g) for g in outer.gradient(squares, inputs)])

    def flushes(self, way: str) -> bool:
        return way != "cpu"

    def own_loss(self, scores: Array, y: Array) -> float:
        return float(tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores)[0])

    def smallest(self, way: str, dtype: Any) -> float:
        """A graph takes subnormal numbers of float16 for 0."""
        return float(bounds.ml_dtypes.finfo(dtype).tiny) if way == "graph" else 0.0

    def reached(self, way: str, check: Any, classes: int = 2) -> Any:
        """TensorFlow's own threads take subnormal numbers for 0; the kernels keep them."""
        return tensors.reached(way, check)


FRAMEWORK = TensorFlow()
