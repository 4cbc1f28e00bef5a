"""`patch` puts LinearLogits under transformers' language models, and takes it out again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode

import plogq

from ..together import for_each

WORDS, TOKENS = 96, 7
SMALL: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
}
GPT: dict[str, Any] = {"vocab_size": WORDS, "n_embd": 16, "n_layer": 1, "n_head": 2}
MODELS: dict[str, Callable[[], Any]] = {
    "Llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL)),
    "Qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SMALL)),
    "GPT-2, tied": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT)),
    "Gemma 2, capped": lambda: transformers.Gemma2ForCausalLM(
        transformers.Gemma2Config(**SMALL, final_logit_softcapping=0.2)
    ),
    "Cohere, scaled": lambda: transformers.CohereForCausalLM(
        transformers.CohereConfig(**SMALL, logit_scale=0.25)
    ),
    "Granite, divided": lambda: transformers.GraniteForCausalLM(
        transformers.GraniteConfig(**SMALL, logits_scaling=4.0)
    ),
    "HyperCLOVA X, multiplied": lambda: transformers.HyperCLOVAXForCausalLM(
        transformers.HyperCLOVAXConfig(**SMALL, logits_scaling=0.25)
    ),
    "Phi, a bias": lambda: transformers.PhiForCausalLM(
        transformers.PhiConfig(**{k: v for k, v in SMALL.items() if k != "head_dim"})
    ),
}


def made(name: str = "Llama") -> Any:
    torch.manual_seed(0)
    model = MODELS[name]().train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    # Scores that are not all alike.
    head = model.get_output_embeddings()
    with torch.no_grad():
        head.weight.mul_(20)
        if head.bias is not None:
            head.bias.normal_()
    return model


def batch() -> dict[str, Any]:
    torch.manual_seed(1)
    words = torch.randint(1, WORDS, (2, TOKENS))
    labels = words.clone()
    labels[0, 4:] = -100
    return {"input_ids": words, "labels": labels}


def step(model: Any, **given: Any) -> tuple[Any, dict[str, Any]]:
    model.zero_grad()
    output = model(**given)
    output.loss.backward()
    return output, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


class Sizes(TorchDispatchMode):
    """How large the largest floating-point array of an operation has been."""

    largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for x in found if isinstance(found, tuple) else (found,):
            if isinstance(x, torch.Tensor) and x.is_floating_point():
                self.largest = max(self.largest, x.numel())
        return found


@for_each("name", MODELS)
def test_loss_and_gradients_are_those_of_the_model(name: str) -> None:
    model, given = made(name), batch()
    before, slopes = step(model, **given)
    assert before.logits.shape == (2, TOKENS, WORDS)
    with plogq.patch(model):
        after, found = step(model, **given)
        assert after.logits is None
        # The tokens of all the batches that a step accumulates.
        counted, _ = step(model, **given, num_items_in_batch=torch.tensor(40))
    torch.testing.assert_close(after.loss, before.loss, rtol=2e-6, atol=2e-6)
    count = (given["labels"][:, 1:] != -100).sum()
    torch.testing.assert_close(counted.loss, before.loss * count / 40, rtol=2e-6, atol=2e-6)
    assert found.keys() == slopes.keys()
    for key, slope in slopes.items():
        torch.testing.assert_close(found[key], slope, rtol=1e-4, atol=1e-6, msg=key)


def test_what_comes_out_is_the_model_that_went_in() -> None:
    model, given = made(), batch()
    before, own = model(**given), dict(model.__dict__)
    patched = plogq.patch(model)
    assert model(**given).logits is None
    with pytest.raises(plogq.PairError, match="patched already"):
        plogq.patch(model)
    patched.unpatch()
    assert model.__dict__.keys() == own.keys()
    assert "forward" not in model.get_output_embeddings().__dict__
    after = model(**given)
    assert torch.equal(after.logits, before.logits)
    assert torch.equal(after.loss, before.loss)
    assert plogq.unpatch(model) is model
    # A loss of the caller's own stays what it was.
    model.loss_function = mine = lambda logits, **_: logits.sum()
    plogq.patch(model)
    plogq.unpatch(model)
    assert model.loss_function is mine


def test_no_scores_of_all_tokens_and_words() -> None:
    config = transformers.LlamaConfig(**{**SMALL, "vocab_size": 8000})
    model = transformers.LlamaForCausalLM(config).train()
    given = {k: v.repeat(8, 10) for k, v in batch().items()}
    scores = given["labels"].numel() * 8000
    with plogq.patch(model), Sizes() as sizes:
        model(**given).loss.backward()
    assert sizes.largest < scores / 2
    with Sizes() as sizes:
        model(**given).loss.backward()
    assert sizes.largest >= scores


def test_evaluation_and_generation_are_left_alone() -> None:
    model, given = made(), batch()
    model.eval()
    before = model(**given)
    with plogq.patch(model):
        after = model(**given)
        assert torch.equal(after.logits, before.logits)
        assert torch.equal(after.loss, before.loss)
        model.train()
        assert model(given["input_ids"]).logits.shape[-1] == WORDS
    model.eval()
    with plogq.patch(model, when="always"):
        again = model(**given)
        assert again.logits is None
        torch.testing.assert_close(again.loss, before.loss)
        words = model.generate(given["input_ids"][:, :3], max_new_tokens=2, do_sample=False)
    assert torch.equal(
        words, model.generate(given["input_ids"][:, :3], max_new_tokens=2, do_sample=False)
    )


def test_labels_of_the_tokens_that_are_kept() -> None:
    model, given = made(), batch()
    scores = model(given["input_ids"]).logits
    following = torch.nn.functional.pad(given["labels"][:, 1:], (0, 1), value=-100)
    plogq.patch(model)
    for which, places in ((3, slice(-3, None)), (torch.tensor([0, 4, 5]), [0, 4, 5])):
        expected = torch.nn.functional.cross_entropy(
            scores[:, places].flatten(0, 1), following[:, places].flatten()
        )
        found = model(**given, logits_to_keep=which).loss
        torch.testing.assert_close(found, expected, rtol=2e-6, atol=2e-6)
    # Labels that are shifted already; and by place, as a tuple.
    shifted = model(**given, shift_labels=following).loss
    torch.testing.assert_close(shifted, model(**given).loss)
    words, labels = given.values()
    loss, nothing = model(words, labels=labels, return_dict=False)[:2]
    assert nothing is None
    torch.testing.assert_close(loss, shifted)
    with pytest.raises(plogq.ShapeError, match=r"labels are of 5 tokens and hidden states of 7"):
        model(words, labels=labels[:, :5])


class OwnLoss(transformers.LlamaForCausalLM):
    """A model that does not ask its loss_function."""

    def forward(self, input_ids: Any, labels: Any = None) -> Any:
        logits = self.lm_head(self.model(input_ids).last_hidden_state)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten() % 2)
        return transformers.modeling_outputs.CausalLMOutput(loss=loss, logits=logits)


class Squared(transformers.LlamaForCausalLM):
    """A model that changes its scores as no config says."""

    def forward(self, input_ids: Any, labels: Any = None) -> Any:
        logits = self.lm_head(self.model(input_ids).last_hidden_state) ** 2
        loss = self.loss_function(logits=logits, labels=labels, vocab_size=WORDS)
        return transformers.modeling_outputs.CausalLMOutput(loss=loss, logits=logits)


@for_each(
    ("kind", "words"),
    [
        (OwnLoss, "OwnLoss computes its loss itself.*output_hidden_states=True.*LinearLogits"),
        (Squared, r"Squared changes its scores after its last layer.*Logits\(logits\)"),
    ],
)
def test_what_would_be_another_loss_is_refused(kind: Any, words: str) -> None:
    model, given = kind(transformers.LlamaConfig(**SMALL)).train(), batch()
    with plogq.patch(model), pytest.raises(plogq.PairError, match=words):
        model(**given)
    assert model(**given).logits.shape[-1] == WORDS


def test_what_is_no_language_model_is_refused() -> None:
    with pytest.raises(plogq.PairError, match=r"takes a causal .* model.*Linear has no output"):
        plogq.patch(torch.nn.Linear(2, 2))
    model = made()
    model.set_output_embeddings(torch.nn.Sequential(model.lm_head))
    with pytest.raises(plogq.PairError, match=re.escape("is Sequential: an adapter")):
        plogq.patch(model)
    with pytest.raises(ValueError, match="when takes"):
        plogq.patch(made(), when="never")
