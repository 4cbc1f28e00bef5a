"""The probabilities that stored predictions stand for, whatever their scale."""

from __future__ import annotations

import numpy as np

from ..definition import log_normalizer
from ..representations.predictions import Logits
from .column import Array
from .scale import Content


def probabilities(values: Array, content: Content | None, axis: int | None) -> Array:
    """Probabilities as they are, and of scores exp(s - log Z) over `axis`, where the classes lie;
    without one each is a yes/no outcome, whose scores are (0, z)."""
    if content == "probs":
        return values
    if axis is None:
        return np.exp(-np.logaddexp(0.0, -values))
    log_z = np.asarray(log_normalizer(Logits(values, axis=axis)))
    return np.exp(values - np.expand_dims(log_z, axis))
