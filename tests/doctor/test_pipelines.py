"""Labels of tf.data pipelines: read from memory, and no pipeline is run for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf: Any = pytest.importorskip("tensorflow")

from plogq.doctor.watch.pipelines import labels_of  # noqa: E402

X = np.zeros((6, 3), np.float32)
Y = np.array([1, 2, 3, 3, 2, 1])
MADE = tf.data.Dataset.from_tensor_slices

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "pipeline",
    [
        MADE((X, Y)),
        MADE((X, Y)).shuffle(6).batch(2).prefetch(1),
        MADE((X, Y)).cache().repeat(2).take(4).batch(2, num_parallel_calls=2),
        MADE(({"a": X, "b": X}, Y)).batch(2),
        MADE((X, Y, np.ones(6))).batch(2),
        tf.data.Dataset.zip((MADE(X), MADE(Y))).batch(3),
        tf.data.Dataset.zip(MADE(X).batch(3), MADE(Y).batch(3)),
    ],
)
def test_labels_that_lie_in_memory(pipeline: Any) -> None:
    found = labels_of(pipeline)
    np.testing.assert_array_equal(found, Y)


@pytest.mark.parametrize(
    "pipeline",
    [
        MADE(X).batch(2),
        MADE((X, Y)).map(lambda x, y: (x, y - 1)).batch(2),
        MADE((X, {"one": Y, "two": Y})).batch(2),
        tf.data.Dataset.from_generator(
            lambda: iter([(X[0], 1)]),
            output_signature=(tf.TensorSpec((3,)), tf.TensorSpec((), tf.int32)),
        ),
        tf.data.Dataset.range(3),
        X,
        None,
    ],
)
def test_what_is_not_known_without_a_run(pipeline: Any) -> None:
    assert labels_of(pipeline) is None


def test_no_turn_is_taken() -> None:
    """A shuffle's next order is the one that it would have been."""
    orders: list[list[int]] = []
    for look in (False, True):
        tf.random.set_seed(7)
        pipeline = MADE((X, Y)).shuffle(6).batch(6)
        if look:
            labels_of(pipeline)
        orders.append([int(v) for _, y in pipeline.repeat(2) for v in y])
    assert orders[0] == orders[1]
