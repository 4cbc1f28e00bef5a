"""The linter's contracts say what the declarations of `plogq.compat` say in prose."""

from __future__ import annotations

from importlib import import_module

import pytest

from plogq.compat.declared import HELPERS, Holds, Reduces, Takes
from plogq.doctor.contracts import CONTRACTS, KERAS_STRINGS, Contract

PEERS = ("keras", "optax", "sklearn", "tensorflow", "torch")
# Declared, and not followed by the linter: what takes hidden states, an estimator, a stream; scores
# that are no losses.
NOT_FOLLOWED = {
    "linear_cross_entropy", "LinearCrossEntropyLoss", "LogLossScorer",
    "D2LogLossScorer", "d2_log_loss_score", "MultilabelLogLossScorer", "multilabel_log_loss",
    "metrics.BinaryCrossentropy", "metrics.CategoricalCrossentropy",
    "metrics.SparseCategoricalCrossentropy", "metrics.KLDivergence",
    "compat.v1.nn.softmax_cross_entropy_with_logits",
}  # fmt: skip


def takes(prose: str) -> Takes:
    """What the prose of a declaration says of Q."""
    if prose.startswith("log-prob"):
        return Takes.LOG_PROBABILITIES
    return Takes.SCORES if prose.startswith("scores") else Takes.PROBABILITIES


@pytest.mark.parametrize("peer", PEERS)
def test_contracts_and_declarations_agree(peer: str) -> None:
    import_module(f"plogq.compat.{peer}")
    declared = {name: h for (of, name), h in HELPERS.items() if of == peer}
    known = {c.helper: c for c in CONTRACTS.values() if c.peer == peer and c.helper}
    assert set(known) == set(declared) - NOT_FOLLOWED
    for name, contract in known.items():
        helper = declared[name]
        assert contract.outcomes == helper.outcomes, name
        assert contract.takes is takes(helper.prediction), name
        assert contract.flag == ("from_logits" in helper.prediction), name
        hard = "index" in helper.target or "label per event" in helper.target
        soft = "distribution" in helper.target or "rows" in helper.target or (
            "log-prob" in helper.target)  # fmt: skip
        expected = (
            Holds.YES_NO if "of yes" in helper.target
            else Holds.EITHER if hard and soft
            else Holds.INDEX if hard
            else Holds.DISTRIBUTION
        )  # fmt: skip
        assert contract.holds is expected, (name, helper.target)


def test_every_string_of_compile_is_a_loss() -> None:
    for name in KERAS_STRINGS.values():
        assert f"keras.losses.{name}" in CONTRACTS


def test_a_contract_names_its_arguments() -> None:
    for contract in CONTRACTS.values():
        assert isinstance(contract, Contract)
        assert contract.prediction
        assert contract.target
        assert contract.reduces in Reduces
