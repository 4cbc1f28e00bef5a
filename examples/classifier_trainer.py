"""A token classifier of transformers with a loss of one's own: classes weighted.

The models of transformers have one loss each, without weights for classes (transformers issues 7024
and 33642). The Trainer takes the loss instead, as `compute_loss_func`, and says how many labels
there are in all the batches that one step accumulates. It says so to the loss even where the
model's `forward` has no place for the number, and where the model's own loss is a mean of means
(issue 37766).

    python examples/classifier_trainer.py
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import tempfile
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    BertConfig,
    BertForTokenClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers_trainer import PADDING, SENTENCES, compared, moved, once

import plogq

WORDS = 50
WEIGHTS = torch.tensor([0.2, 1.0, 3.0])
OURS, OWN, WEIGHTED = "plogq", "the model's own loss", "plogq, classes weighted"


class Classifier(BertForTokenClassification):
    """A model like many: its `forward` has no place for `num_items_in_batch`."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor | None = None,
    ) -> Any:
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, labels=labels)


def small_bert() -> Classifier:
    set_seed(0)
    return Classifier(
        BertConfig(
            vocab_size=WORDS,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_labels=len(WEIGHTS),
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            initializer_range=0.5,
        )
    )


def plain(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    return plogq.cross_entropy(
        plogq.Labels(labels, ignore=PADDING),
        plogq.Logits(outputs.logits),
        normalizer=num_items_in_batch,
    )


def weighted(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    return plogq.cross_entropy(
        plogq.Weighted(plogq.Labels(labels, ignore=PADDING), class_weight=WEIGHTS),
        plogq.Logits(outputs.logits),
        normalizer=num_items_in_batch,
    )


def sentences() -> list[dict[str, torch.Tensor]]:
    """Sentences of very different lengths, and a class for each word: that of its number."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 30, (SENTENCES,), generator=random).tolist()
    ids = [torch.randint(1, WORDS, (n,), generator=random) for n in lengths]
    return [{"input_ids": x, "labels": (x % 7 == 0).long() + (x % 5 == 0)} for x in ids]


def padded(examples: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """A batch: what fills up shorter sentences has no label."""
    ids, labels = ([x[name] for x in examples] for name in ("input_ids", "labels"))
    words = pad_sequence(ids, batch_first=True)
    return {
        "input_ids": words,
        "attention_mask": (words != 0).long(),
        "labels": pad_sequence(labels, batch_first=True, padding_value=PADDING),
    }


def last_layer(loss: Any, batch: int, folder: str) -> torch.Tensor:
    """By how much one step has moved the weight of the last layer."""
    made = Trainer(
        model=small_bert(),
        args=TrainingArguments(**once(batch, folder), remove_unused_columns=False),
        train_dataset=sentences(),
        data_collator=padded,
        compute_loss_func=loss,
    )
    return moved(made, made.model.classifier.weight)


def by_hand(weights: torch.Tensor | None) -> torch.Tensor:
    """The same step in PyTorch's own words, all sentences at once."""
    model, batch = small_bert().train(), padded(sentences())
    labels = batch.pop("labels").flatten()
    scores = model(**batch).logits.flatten(0, 1)
    sums = F.cross_entropy(scores, labels, weight=weights, ignore_index=PADDING, reduction="sum")
    (sums / labels.ne(PADDING).sum()).backward()
    weight = model.classifier.weight.detach()
    return weight - once(SENTENCES, "")["learning_rate"] * model.classifier.weight.grad - weight


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        whole = {(OWN, SENTENCES): None, (OWN, 4): None, (OURS, SENTENCES): plain, (OURS, 4): plain}
        compared({x: last_layer(loss, x[1], folder) for x, loss in whole.items()}, by_hand(None))
        parts = [(WEIGHTED, SENTENCES), (WEIGHTED, 4)]
        found = {x: last_layer(weighted, x[1], folder) for x in parts}
        compared(found, by_hand(WEIGHTS))
