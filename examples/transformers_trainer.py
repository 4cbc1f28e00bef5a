"""The transformers Trainer with plogq as its `compute_loss_func`.

The Trainer says how many tokens have a label in all the batches that one step accumulates, and the
sum of their losses is divided by that number: `normalizer`. So a step gives the same gradient
however it is cut into batches, short sentences and long ones mixed, which a mean of means does not
(transformers issue 34191). It is shown on a tiny Llama made from a config, without a download.

The second loss function asks the model for its hidden states and for the scores of one token only
(`logits_to_keep`), and so does without the scores of the others, which are most of the memory.

    python examples/transformers_trainer.py
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import tempfile
from functools import partial
from typing import Any

import torch
from measured import cost, line
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

import plogq

VOCABULARY, SENTENCES, LENGTH = 32_000, 16, 64
PADDING = -100
Example = dict[str, torch.Tensor]


def from_logits(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """For any model that returns scores: each is about the next token, hence the shift by one."""
    return plogq.cross_entropy(
        plogq.Labels(labels[:, 1:], ignore=PADDING),
        plogq.Logits(outputs.logits[:, :-1]),
        normalizer=num_items_in_batch,
    )


def from_hidden(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None, *, weight: torch.Tensor
) -> torch.Tensor:
    """The same from the last hidden states and the weight of the last layer."""
    return plogq.cross_entropy(
        plogq.Labels(labels[:, 1:], ignore=PADDING),
        plogq.LinearLogits(outputs.hidden_states[-1][:, :-1], weight),
        normalizer=num_items_in_batch,
    )


def mean_of_means(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None, *, batches: int
) -> torch.Tensor:
    """What goes wrong without the normalizer: a token of a short batch counts for more."""
    return from_logits(outputs, labels) / batches


def small_llama() -> LlamaForCausalLM:
    set_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
        )
    )


def sentences() -> list[Example]:
    """Made-up token ids: sentences of very different lengths."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(LENGTH // 8, LENGTH, (SENTENCES,), generator=random).tolist()
    ids = [torch.randint(1, VOCABULARY, (n,), generator=random) for n in [LENGTH, *lengths[1:]]]
    return [{"input_ids": x} for x in ids]


def padded(examples: list[Example], **more: Any) -> dict[str, Any]:
    """A batch: shorter sentences are filled up, and what fills them has no label."""
    ids = [example["input_ids"] for example in examples]
    return {
        "input_ids": pad_sequence(ids, batch_first=True),
        "labels": pad_sequence(ids, batch_first=True, padding_value=PADDING),
        **more,
    }


OWN, LOGITS, HIDDEN, MEANS = (
    "the model's own loss",
    "plogq, Logits",
    "plogq, LinearLogits",
    "a mean of means",
)


def once(batch: int, folder: str) -> dict[str, Any]:
    """Arguments for one step of SGD over all sentences, `batch` of them at a time."""
    return {
        "output_dir": folder,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": SENTENCES // batch,
        "max_steps": 1,
        "learning_rate": 0.1,
        "optim": "sgd",
        "max_grad_norm": 0.0,
        "use_cpu": True,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def trainer(loss: str, batch: int, folder: str) -> Trainer:
    """A Trainer that takes one step over all sentences, `batch` of them at a time."""
    model, batches = small_llama(), SENTENCES // batch
    losses = {
        OWN: None,
        LOGITS: from_logits,
        HIDDEN: partial(from_hidden, weight=model.lm_head.weight),
        MEANS: partial(mean_of_means, batches=batches),
    }
    asked = {"output_hidden_states": True, "logits_to_keep": 1} if loss == HIDDEN else {}
    return Trainer(
        model=model,
        args=TrainingArguments(**once(batch, folder)),
        train_dataset=sentences(),
        data_collator=partial(padded, **asked),
        compute_loss_func=losses[loss],
    )


def moved(made: Trainer, weight: torch.Tensor) -> torch.Tensor:
    """By how much one step has moved a weight."""
    start = weight.detach().clone()
    made.remove_callback(PrinterCallback)
    made.train()
    return weight.detach() - start


def last_layer(loss: str, batch: int, folder: str) -> torch.Tensor:
    """By how much one step has moved the weight of the last layer."""
    made = trainer(loss, batch, folder)
    return moved(made, made.model.lm_head.weight)


def compared(found: dict[tuple[str, int], torch.Tensor], whole: torch.Tensor) -> None:
    """How far off each is from the step that was made of all sentences at once."""
    print("what a step of SGD moves the last layer by, and how far off it is:")
    for (loss, batch), step in found.items():
        off = (step - whole).norm() / whole.norm()
        print(f"{loss:32} {SENTENCES // batch} × {batch:2} sentences {off:.1e}")


def steps(folder: str) -> None:
    """One step, cut into batches in two ways, beside the model's own loss on all at once."""
    cut = [(LOGITS, SENTENCES), (LOGITS, 4), (HIDDEN, SENTENCES), (HIDDEN, 4), (MEANS, 4)]
    found = {(loss, batch): last_layer(loss, batch, folder) for loss, batch in cut}
    compared(found, last_layer(OWN, SENTENCES, folder))


def costs(folder: str) -> None:
    lines = []
    for loss in (OWN, LOGITS, HIDDEN):
        made = trainer(loss, SENTENCES, folder)
        made.remove_callback(PrinterCallback)
        made.train()
        inputs = made.data_collator(made.train_dataset)
        count = inputs["labels"][:, 1:].ne(PADDING).sum()

        def step(made: Trainer = made, inputs: Any = inputs, count: Any = count) -> None:
            made.training_step(made.model, dict(inputs), count)
            made.model.zero_grad()

        lines.append(line(loss, *cost(step)))
    print(f"\na training step, {SENTENCES} × {LENGTH} tokens × {VOCABULARY} classes:")
    print(*lines, sep="\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        steps(folder)
        costs(folder)
