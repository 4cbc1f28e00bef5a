"""Wishes about the tools that take a loss: boosting, scikit-learn, transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq
from plogq import BinaryProbs, Probs

from ..boost.data import Data

SOFT = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
SCORES = np.array([[1.0, 0.0, -1.0], [0.5, 0.5, 0.5]])
Q = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)


def test_lightgbm_6013_soft_labels_of_several_classes() -> None:
    loss = plogq.boost.LightGBM(Probs(SOFT))
    gradient, hessian = loss.objective(SCORES, Data([0, 0]))
    np.testing.assert_allclose(gradient, Q - SOFT, rtol=1e-6)
    np.testing.assert_allclose(hessian, 1.5 * Q * (1 - Q), rtol=1e-6)
    assert loss.metric(SCORES, Data([0, 0]))[1] == pytest.approx(-(SOFT * np.log(Q)).sum() / 2)


def test_xgboost_6750_soft_labels_of_several_classes() -> None:
    gradient, hessian = plogq.boost.XGBoost(Probs(SOFT)).objective(SCORES, Data([0, 0]))
    np.testing.assert_allclose(gradient, Q - SOFT, rtol=1e-6)
    np.testing.assert_allclose(hessian, 2 * Q * (1 - Q), rtol=1e-6)


def test_xgboost_3861_a_probability_as_the_label_of_yes_and_no() -> None:
    loss = plogq.boost.XGBoost(lambda y: BinaryProbs(y))
    gradient, hessian = loss.objective(np.array([0.0, 0.0]), Data([0.25, 1.0]))
    np.testing.assert_allclose(gradient, [0.25, -0.5])
    np.testing.assert_allclose(hessian, [0.25, 0.25])


def test_scikit_learn_10157_the_log_loss_of_several_labels() -> None:
    from sklearn.metrics import log_loss

    from plogq.compat.sklearn import multilabel_log_loss

    y, q = np.array([[1, 1, 0], [0, 1, 0]]), np.array([[0.9, 0.6, 0.2], [0.3, 0.8, 0.1]])
    each = [log_loss(y[:, j], q[:, j], labels=[0, 1]) for j in range(3)]
    assert multilabel_log_loss(y, q) == pytest.approx(np.mean(each))


@pytest.fixture(scope="module")
def model() -> Any:
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=50,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        initializer_range=0.5,
    )
    made = transformers.LlamaForCausalLM(config).train()
    with plogq.patch(made):
        yield made


def sentences() -> Any:
    """A long sentence and a short one: 9 labels and 2."""
    import torch

    words = torch.arange(1, 21).reshape(2, 10)
    labels = words.clone()
    labels[1, 3:] = -100
    return words, labels


def test_transformers_33642_and_7024_a_mean_of_means_is_not_the_mean(model: Any) -> None:
    words, labels = sentences()
    whole = model(input_ids=words, labels=labels).loss
    parts = [model(input_ids=words[i : i + 1], labels=labels[i : i + 1]).loss for i in (0, 1)]
    counted = [
        model(input_ids=words[i : i + 1], labels=labels[i : i + 1], num_items_in_batch=11).loss
        for i in (0, 1)
    ]
    assert sum(counted).item() == pytest.approx(whole.item(), rel=1e-6)
    assert abs(sum(parts).item() / 2 - whole.item()) > 1e-3


def test_transformers_37766_items_are_counted_in_a_loss_of_ones_own(model: Any) -> None:
    import torch

    words, labels = sentences()
    hidden = model.model(input_ids=words).last_hidden_state[:, :-1]
    p = plogq.Labels(labels[:, 1:], ignore=-100)
    q = plogq.LinearLogits(hidden, model.lm_head.weight)
    found = plogq.cross_entropy(p, q, normalizer=torch.tensor(11))
    assert found.item() == pytest.approx(model(input_ids=words, labels=labels).loss.item())


def test_trl_4570_a_patched_model_counts_items_as_the_model_does(model: Any) -> None:
    words, labels = sentences()
    output = model(input_ids=words, labels=labels, num_items_in_batch=11)
    assert output.logits is None
    plogq.unpatch(model)
    before = model(input_ids=words, labels=labels, num_items_in_batch=11)
    plogq.patch(model)
    assert before.logits.shape == (2, 10, 50)
    assert output.loss.item() == pytest.approx(before.loss.item(), rel=1e-6)
