"""Keras' own published tests of its losses and metrics, from the installed wheel, with ours.

Every case passes on every backend, or stands in `KNOWN` with the reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import suite

LOSSES = {
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "KLDivergence",
    "SparseCategoricalCrossentropy",
}
METRICS = LOSSES - {"BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"}
SWAPS = {
    **{f"keras.src.losses.losses.{name}": f"plogq.compat.keras.{name}" for name in LOSSES},
    **{f"keras.src.metrics.{name}": f"plogq.compat.keras.metrics.{name}" for name in METRICS},
}
# The one function with a case of its own, which is for PyTorch alone.
FUNCTION = "sparse_categorical_crossentropy"
OF_FUNCTION = {f"keras.src.losses.losses.{FUNCTION}": f"plogq.compat.keras.{FUNCTION}"}
SELECT = " or ".join(f"{name}Test" for name in sorted(LOSSES))
MODULES = ["keras.src.losses.losses_test", "keras.src.metrics.probabilistic_metrics_test"]
# Here Keras expects its own backend to refuse a class axis that is not the last, which ours takes.
OTHER_AXES = {
    f"losses_test.py::SparseCategoricalCrossentropyTest::test_{case}_segmentation_different_axis": (
        "a class axis that is not the last is no error"
    )
    for case in ("binary", "multi_class")
}
KNOWN = {"tensorflow": OTHER_AXES, "jax": OTHER_AXES, "torch": {}, "numpy": {}}


@pytest.mark.slow
@pytest.mark.parametrize("backend", KNOWN)
def test_published_cases(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    swaps = SWAPS | OF_FUNCTION if backend == "torch" else SWAPS
    ours = suite.compare(MODULES, SELECT, swaps, tmp_path, KNOWN[backend])
    assert len(ours.passed) >= 73, ours.failed
    assert set(ours.calls) == set(swaps)
