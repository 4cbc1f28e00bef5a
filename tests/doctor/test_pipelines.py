"""Labels of tf.data pipelines: read from memory, and no pipeline is run for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf: Any = pytest.importorskip("tensorflow")

from plogq.doctor.watch.pipelines import Yielded, labels_of, watch_generators  # noqa: E402
from plogq.doctor.watch.watch import Watch  # noqa: E402

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
    ("change", "expected"),
    [
        (lambda x, y: (x, y - 1), Y - 1),
        (lambda x, y: (x * 2, tf.cast(y, tf.float32)), Y.astype(np.float32)),
        (lambda x, y: (x, tf.one_hot(y, 4)), np.eye(4)[Y]),
        (lambda x, y: ({"a": x}, y[..., None] + 1), None),
    ],
)
def test_labels_behind_a_map(change: Any, expected: Any) -> None:
    found = labels_of(MADE((X, Y)).shuffle(6).map(change, num_parallel_calls=2).batch(3))
    if expected is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found, expected)


def test_labels_that_a_generator_yields_are_kept_as_they_pass() -> None:
    watch = Watch()
    before = tf.data.Dataset.__dict__["from_generator"]
    watch_generators(watch)
    signature = (tf.TensorSpec((3,)), tf.TensorSpec((), tf.int64))
    turns: list[int] = []

    def events() -> Any:
        for x, y in zip(X, Y, strict=True):
            turns.append(int(y))
            yield x, y

    made = tf.data.Dataset.from_generator(events, output_signature=signature)
    found = labels_of(made.map(lambda x, y: (x, y - 1)).batch(2))
    watch.stop()
    assert tf.data.Dataset.__dict__["from_generator"] is before
    assert isinstance(found, Yielded)
    assert found.numbers() is None
    assert turns == []  # nothing was asked for on the way
    watch.active = True
    assert [int(y) for _, y in made] == Y.tolist() == turns
    np.testing.assert_array_equal(found.numbers(), Y - 1)


@pytest.mark.parametrize(
    "pipeline",
    [
        MADE(X).batch(2),
        MADE((X, Y)).map(lambda x, y: (x, tf.random.shuffle(y[None])[0])).batch(2),
        MADE((X, Y)).map(lambda x, y: (x, tf.reduce_max(y))).batch(2),
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
