"""Arrays of JAX with more axes than the kernels take."""

from __future__ import annotations

import jax
import numpy as np

import plogq


def test_arrays_of_more_axes_than_the_kernels_take() -> None:
    """The formula takes over, with a reason; a handler that is called all the same refuses."""
    for axes in (62, 63, 64, 70):
        scores = jax.numpy.zeros((*(1,) * (axes - 1), 3))
        y = plogq.Labels(jax.numpy.zeros((1,) * (axes - 1), int))
        q = plogq.Logits(scores)
        np.testing.assert_allclose(plogq.cross_entropy(y, q), np.log(3), rtol=1e-6)
        yes = plogq.BinaryProbs(jax.numpy.zeros(scores.shape))
        found = plogq.cross_entropy(yes, plogq.BinaryLogits(scores))
        np.testing.assert_allclose(found, np.log(2), rtol=1e-6)
        if axes > 63:
            assert f"has {axes} axes" in str(plogq.explain(y, q))
