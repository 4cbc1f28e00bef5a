"""Infinite scores under JAX's derivatives beyond the first; the rest is the suite's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import plogq

inf = np.inf


def test_derivatives_beyond_the_first_are_finite_where_a_class_is_ruled_out() -> None:
    """0 · log 0 = 0 in the Hessian and along a tangent too."""
    z = jnp.array([[1.0, -inf, 0.5]])

    def loss(z: Any) -> Any:
        return plogq.cross_entropy(plogq.Labels(jnp.array([0])), plogq.Logits(z))

    q = jax.nn.softmax(z[0])
    hessian = jax.jit(jax.hessian(loss))(z)[0, :, 0]
    np.testing.assert_allclose(hessian, jnp.diag(q) - jnp.outer(q, q), atol=1e-12)
    _, along = jax.jvp(loss, (z,), (jnp.array([[1.0, 1.0, 0.0]]),))
    np.testing.assert_allclose(along, q[0] - 1, rtol=1e-12)
