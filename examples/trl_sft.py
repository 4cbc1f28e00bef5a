"""trl's SFTTrainer with a loss of plogq's, right however a step is cut into batches.

`compute_loss` is the place for a loss of one's own. It is told how many tokens have a label in all
the batches that one step accumulates, and divides by that number. The last hidden states and the
weight of the last layer go to the loss, so that the scores of all tokens are never made (trl issue
4570): here with smoothed labels, beside PyTorch's own loss on all sentences at once.

    python examples/trl_sft.py
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import tempfile
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast
from transformers_trainer import (
    PADDING,
    SENTENCES,
    VOCABULARY,
    compared,
    moved,
    once,
    padded,
    sentences,
    small_llama,
)
from trl import SFTConfig, SFTTrainer

import plogq

SMOOTHING = 0.1
OWN, OURS, SMOOTHED = "trl's own loss", "plogq, LinearLogits", "plogq, smoothed"


class PlogqTrainer(SFTTrainer):
    smoothing = 0.0

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs.pop("labels")
        # The last hidden states, and the scores of one token only.
        outputs = model(**inputs, output_hidden_states=True, logits_to_keep=1)
        p = plogq.Labels(labels[:, 1:], ignore=PADDING)
        head = self.accelerator.unwrap_model(model).get_output_embeddings()
        loss = plogq.cross_entropy(
            plogq.Smoothed(p, self.smoothing),
            plogq.LinearLogits(outputs.hidden_states[-1][:, :-1], head.weight),
            normalizer=num_items_in_batch,
        )
        # The number is that of all ranks, whose gradients are averaged.
        if num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


class SmoothedTrainer(PlogqTrainer):
    smoothing = SMOOTHING


def words() -> PreTrainedTokenizerFast:
    """A tokenizer of made-up words, without a download."""
    model = WordLevel({str(i): i for i in range(VOCABULARY)}, unk_token="0")
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(model), pad_token="0", eos_token="1", unk_token="0"
    )


def last_layer(kind: type[SFTTrainer], batch: int, folder: str) -> torch.Tensor:
    """By how much one step has moved the weight of the last layer."""
    made = kind(
        model=small_llama(),
        args=SFTConfig(**once(batch, folder), bf16=False, gradient_checkpointing=False),
        train_dataset=Dataset.from_list([{"input_ids": x["input_ids"]} for x in sentences()]),
        processing_class=words(),
    )
    return moved(made, made.model.lm_head.weight)


def by_hand(smoothing: float) -> torch.Tensor:
    """The same step in PyTorch's own words, all sentences and all scores at once."""
    model, batch = small_llama().train(), padded(sentences())
    scores = model(batch["input_ids"]).logits[:, :-1].flatten(0, 1)
    labels = batch["labels"][:, 1:].flatten()
    F.cross_entropy(scores, labels, ignore_index=PADDING, label_smoothing=smoothing).backward()
    weight = model.lm_head.weight.detach()
    return weight - once(SENTENCES, "")["learning_rate"] * model.lm_head.weight.grad - weight


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for kinds, smoothing in (
            ({OWN: SFTTrainer, OURS: PlogqTrainer}, 0.0),
            ({SMOOTHED: SmoothedTrainer}, SMOOTHING),
        ):
            found = {
                (name, batch): last_layer(kind, batch, folder)
                for name, kind in kinds.items()
                for batch in (SENTENCES, 4)
            }
            compared(found, by_hand(smoothing))
