"""The examples in the tools that people train with: the loss is the tool's own, or PyTorch's."""

from __future__ import annotations

import re

import numpy as np
import pytest

from .printed import EXAMPLES, LINUX, costs, doubled, losses, printed, steps

pytestmark = pytest.mark.slow


def test_the_trainer_takes_the_same_step_however_it_is_cut_into_batches() -> None:
    text = doubled("transformers_trainer")
    off = steps(text)
    for name in ("plogq, Logits", "plogq, LinearLogits"):
        assert off[name, 1] < 1e-5
        assert off[name, 4] < 1e-5
    assert off["a mean of means", 4] > 1e-2
    memory = costs(text)
    if LINUX:
        assert memory["plogq, Logits"] < 0.8 * memory["the model's own loss"]
        assert memory["plogq, LinearLogits"] < 0.25 * memory["the model's own loss"]


def test_a_patched_model_learns_the_same_with_less_memory() -> None:
    text = doubled("patched_model")
    rows = re.findall(r"^loss before, patched, after: (.*)$", text, re.MULTILINE)
    assert len(rows) == 3
    for row in rows:
        before, patched, after = map(float, row.split())
        assert patched == pytest.approx(before, abs=2e-5)
        assert after == before
    memory = costs(text)
    for name in ("Llama", "GPT-2", "Gemma 2") if LINUX else ():
        assert memory[f"{name}, patched"] < 0.3 * memory[f"{name}, as it is"]


def test_a_classifier_has_its_classes_weighted_and_its_labels_counted() -> None:
    off = steps(doubled("classifier_trainer"))
    for name in ("plogq", "plogq, classes weighted"):
        assert off[name, 1] < 1e-5
        assert off[name, 4] < 1e-5
    # The model takes no number of labels, and the Trainer makes a mean of means of its losses.
    assert off["the model's own loss", 1] < 1e-5
    assert off["the model's own loss", 4] > 1e-2


def test_trl_takes_the_same_step_however_it_is_cut_into_batches() -> None:
    off = steps(doubled("trl_sft"))
    assert len(off) == 6
    assert max(off.values()) < 1e-5


def test_embeddings_learn_as_with_the_losses_of_sentence_transformers() -> None:
    found = losses(doubled("sentence_embeddings"))
    for theirs, ours in (
        ("MultipleNegativesRankingLoss", "plogq, in-batch negatives"),
        ("DistillKLDivLoss", "plogq, distillation"),
    ):
        assert len(found[theirs]) == 10
        assert found[ours] == pytest.approx(found[theirs], rel=1e-4)
        assert sum(found[theirs][5:]) < sum(found[theirs][:5])


@pytest.mark.parametrize("ranks", [1, 2])
def test_accelerate_takes_the_step_of_all_sentences_at_once(ranks: int) -> None:
    if ranks == 1:
        text = doubled("accelerate_loop")
    else:
        torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks))
        text = printed(*torchrun, EXAMPLES / "accelerate_loop.py")
    found = losses(text)
    assert found["plogq, labels counted"] == pytest.approx(found["all sentences at once"], abs=3e-6)
    counted, means = (float(x) for x in re.findall(r"^its step is off by (\S+)$", text, re.M))
    assert counted < 1e-5
    assert means > 1e-2


def test_image_models_learn_as_with_targets_written_out() -> None:
    found = losses(doubled("mixup"))
    for kind in ("mixup", "smoothing", "written out"):
        theirs = found[f"PyTorch, {kind}"]
        ours = "rows of its own" if kind == "written out" else kind
        assert len(theirs) == 5
        assert found[f"plogq, {ours}"] == pytest.approx(theirs, rel=1e-5)
        assert theirs[-1] < theirs[0]


def test_nnx_learns_as_with_optax() -> None:
    text = doubled("flax_nnx", JAX_PLATFORMS="cpu")
    found = losses(text)
    assert len(found["optax"]) == 5
    for name in ("plogq, Logits", "plogq, LinearLogits"):
        assert found[name] == pytest.approx(found["optax"], rel=1e-4)
    assert float(re.findall(r"off by (\S+)$", text)[0]) < 1e-5


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_keras_weighs_classes_and_samples_alike(backend: str) -> None:
    text = doubled("keras_class_weight", KERAS_BACKEND=backend, JAX_PLATFORMS="cpu")
    assert text.startswith(f"on {backend}\n")
    found = losses(text)
    own = found["Keras, class_weight"]
    assert len(own) == 5
    assert own[-1] < own[0]
    for name in ("plogq, class_weight", "plogq, sample_weight"):
        assert found[name] == pytest.approx(own, rel=1e-4)
    for name in ("sum_over_batch_size", "mean_with_sample_weight"):
        kept, right = found[name]
        assert kept == pytest.approx(right, rel=1e-5)
    assert found["sum_over_batch_size"] != found["mean_with_sample_weight"]


def test_skorch_trains_with_a_criterion_of_plogq() -> None:
    text = doubled("skorch_net")
    found = losses(text)
    own = found["torch.nn.CrossEntropyLoss"]
    assert len(own) == 5
    assert found["plogq.nn.torch.CrossEntropy"] == pytest.approx(own, rel=1e-4)
    (scores,) = re.findall(r"by 0\.8: (.*)$", text, re.MULTILINE)
    sharp, smooth = (float(x) for x in scores.split())
    # Probabilities are scored, and not scores: smoothing by 0.8 leaves little to know.
    assert 0 < sharp < smooth < np.log(10)
