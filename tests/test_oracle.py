"""The oracle is held against the definition, word for word."""

from __future__ import annotations

import numpy as np

from . import oracle
from .together import for_each


@for_each("digits", [60, 400])
def test_the_oracle_agrees_with_the_definition_word_for_word(digits: int) -> None:
    """-Σ p log(exp s / Σ exp s): 60 digits for usual scores, 400 for confident ones."""
    spread = 3.0 if digits == 60 else 300.0
    rng = np.random.default_rng(digits)
    for row in oracle.rows(rng.normal(0, spread, (20, 6))):
        for p in (oracle.one_hot(2, 6), oracle.row(rng.dirichlet(np.ones(6)))):
            plain = oracle.plain_cross_entropy(p, row, digits)
            ours = oracle.cross_entropy(p, oracle.of_logits(row))
            assert abs(plain - ours) <= oracle.real(1e-45) * abs(plain)
