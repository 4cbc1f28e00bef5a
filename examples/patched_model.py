"""A language model of transformers, as it is and with `LinearLogits` put under it.

`plogq.patch` leaves the scores, tokens × words, out of a step: most of its memory. The loss is the
same, for the model and for the Trainer, which says how many tokens have a label in all the batches
that a step accumulates (`num_items_in_batch`). The models are tiny and made from configs.

    python examples/patched_model.py
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

from typing import Any

import torch
from measured import cost, line
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    set_seed,
)

import plogq

WORDS, SENTENCES, LENGTH = 32_000, 8, 256
SIZES: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 16,
}


DROPOUT = ("resid_pdrop", "embd_pdrop", "attn_pdrop")


def models() -> dict[str, Any]:
    """Small models: one like most, one whose last layer is its embedding, one of capped scores."""
    set_seed(0)
    return {
        "Llama": LlamaForCausalLM(LlamaConfig(**SIZES)),
        "GPT-2": GPT2LMHeadModel(
            GPT2Config(
                vocab_size=WORDS, n_embd=64, n_layer=2, n_head=4, **dict.fromkeys(DROPOUT, 0.0)
            )
        ),
        "Gemma 2": Gemma2ForCausalLM(Gemma2Config(**SIZES, final_logit_softcapping=30.0)),
    }


def step(model: Any, words: torch.Tensor) -> float:
    """One step's loss and gradients: the words themselves are the labels, shifted by the model."""
    model.zero_grad()
    loss = model(input_ids=words, labels=words, num_items_in_batch=words[:, 1:].numel()).loss
    loss.backward()
    return float(loss.detach())


def main() -> None:
    words = torch.randint(1, WORDS, (SENTENCES, LENGTH), generator=torch.Generator().manual_seed(0))
    for name, model in models().items():
        model.train()
        losses = [step(model, words)]
        print(line(f"{name}, as it is", *cost(lambda m=model: step(m, words), calls=1)))
        with plogq.patch(model):
            losses.append(step(model, words))
            print(line(f"{name}, patched", *cost(lambda m=model: step(m, words), calls=1)))
        losses.append(step(model, words))
        print("loss before, patched, after:", *(f"{x:.5f}" for x in losses))


if __name__ == "__main__":
    main()
