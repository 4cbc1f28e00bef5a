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


def test_transformers_7024_and_33642_classes_are_weighted_in_any_model() -> None:
    """A model of transformers has one loss, and no weights of classes: its scores go to ours."""
    import torch

    torch.manual_seed(0)
    scores = torch.randn(2, 5, 3, requires_grad=True)
    labels, weights = torch.tensor([[0, 1, 2, 2, -100]] * 2), torch.tensor([0.8, 1.2, 0.97])
    p = plogq.Weighted(plogq.Labels(labels, ignore=-100), class_weight=weights)
    right = torch.nn.functional.cross_entropy(
        scores.flatten(0, 1), labels.flatten(), weight=weights, ignore_index=-100
    )
    found = plogq.cross_entropy(p, plogq.Logits(scores))
    torch.testing.assert_close(found, right)
    slopes = [torch.autograd.grad(x, scores)[0] for x in (found, right)]
    torch.testing.assert_close(*slopes)


def test_transformers_37766_a_mean_of_means_is_not_the_mean(model: Any) -> None:
    """Whose model takes no number of items has a mean of each batch; ours takes the number."""
    import torch

    (words, labels), count = sentences(), torch.tensor(11)
    whole = model(input_ids=words, labels=labels).loss
    parts = [(words[i : i + 1], labels[i : i + 1]) for i in (0, 1)]
    means = [model(input_ids=x, labels=y).loss for x, y in parts]
    assert abs(sum(means).item() / 2 - whole.item()) > 1e-3
    counted = [model(input_ids=x, labels=y, num_items_in_batch=count).loss for x, y in parts]
    assert sum(counted).item() == pytest.approx(whole.item(), rel=1e-6)
    # The same in a loss of one's own, which a Trainer tells the number whatever the model takes.
    own = []
    for x, y in parts:
        hidden = model.model(input_ids=x).last_hidden_state[:, :-1]
        p = plogq.Labels(y[:, 1:], ignore=-100)
        q = plogq.LinearLogits(hidden, model.lm_head.weight)
        own.append(plogq.cross_entropy(p, q, normalizer=count))
    assert sum(own).item() == pytest.approx(whole.item(), rel=1e-6)


def test_trl_4570_the_scores_of_all_tokens_are_not_made(model: Any) -> None:
    """And what is learnt is what the model would learn from them."""
    import torch

    words, labels = sentences()
    given = {"input_ids": words, "labels": labels, "num_items_in_batch": 11}
    output = model(**given)
    assert output.logits is None
    plogq.unpatch(model)
    before = model(**given)
    plogq.patch(model)
    assert before.logits.shape == (2, 10, 50)
    assert output.loss.item() == pytest.approx(before.loss.item(), rel=1e-6)
    weight = model.lm_head.weight
    slopes = [torch.autograd.grad(x.loss, weight)[0] for x in (output, before)]
    torch.testing.assert_close(*slopes)
