"""TensorFlow's own published tests of its cross-entropies, with ours in their place.

The wheel carries the bases of its tests of the two softmax cross-entropies; every case of theirs
runs as it stands.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import suite

BASES = "tensorflow.python.kernel_tests"
MODULES = [f"{BASES}.nn_ops.xent_op_test_base", f"{BASES}.sparse_ops.sparse_xent_op_test_base"]
NN, OURS = "tensorflow.python.ops.nn_ops", "plogq.compat.tensorflow"
SWAPS = {
    f"{NN}.softmax_cross_entropy_with_logits": (
        f"{OURS}.compat.v1.nn.softmax_cross_entropy_with_logits"
    ),
    f"{NN}.softmax_cross_entropy_with_logits_v2": f"{OURS}.softmax_cross_entropy_with_logits",
    f"{NN}.sparse_softmax_cross_entropy_with_logits_v2": (
        f"{OURS}.sparse_softmax_cross_entropy_with_logits"
    ),
}
KNOWN = {
    "xent_op_test_base.py::XentOpTestBase::testSecondGradient": (
        "it looks for the operation BatchMatMulV2 in the graph of the second derivative, which "
        "plogq's formula does without; that the derivative is right is held in tests/compat"
    ),
}


@pytest.mark.slow
def test_every_case_that_tensorflow_passes_ours_passes(tmp_path: Path) -> None:
    ours = suite.compare(MODULES, "test", SWAPS, tmp_path, KNOWN)
    assert len(ours.passed) >= 25
