"""Losses for sentence-transformers, in plogq's words, beside its own.

In-batch negatives: the scores of a query are its products with all documents of the batch, and its
own document is its label. Queries and documents are hidden states and a weight, `LinearLogits`, so
that the scores, queries × documents, are never stored. Distillation: the teacher's scores of the
same passages are a prediction, and may stand as P (sentence-transformers issue 3228).

    python examples/sentence_embeddings.py
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import tempfile
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PrinterCallback

import plogq

WORDS, SENTENCES, BATCH = 200, 80, 16
SCALE, TEMPERATURE = 20.0, 2.0


class InBatch(torch.nn.Module):
    """Each query's own document against all documents of the batch."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, sentence_features: Any, labels: Any = None) -> torch.Tensor:
        queries, *documents = (
            F.normalize(self.model(x)["sentence_embedding"], dim=-1) for x in sentence_features
        )
        own = torch.arange(len(queries), device=queries.device)
        return plogq.cross_entropy(
            plogq.Labels(own), plogq.LinearLogits(SCALE * queries, torch.cat(documents))
        )


class Distilled(torch.nn.Module):
    """The teacher's scores of the passages of each query, `labels`, against the student's."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, sentence_features: Any, labels: torch.Tensor) -> torch.Tensor:
        query, *passages = (self.model(x)["sentence_embedding"] for x in sentence_features)
        scores = torch.stack([(query * x).sum(-1) for x in passages], dim=-1)
        teacher, student = (plogq.Tempered(plogq.Logits(x), TEMPERATURE) for x in (labels, scores))
        return TEMPERATURE**2 * plogq.kl_divergence(teacher, student)


def small_model() -> SentenceTransformer:
    """The mean of the words' vectors; made here, without a download."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(WordLevel({f"w{i}": i for i in range(WORDS)}, unk_token="w0"))
    tokenizer.pre_tokenizer = Whitespace()
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)], device="cpu")


def sentences() -> dict[str, Any]:
    """Queries, a passage that shares words with each, and one that does not; scores of both."""
    random = torch.Generator().manual_seed(1)
    query, other = torch.randint(1, WORDS, (2, SENTENCES, 5), generator=random).tolist()
    columns = {
        "query": query,
        "positive": [q[:3] + o[:2] for q, o in zip(query, other, strict=True)],
        "negative": other,
    }
    text = {name: [" ".join(f"w{i}" for i in x) for x in rows] for name, rows in columns.items()}
    return text | {"label": torch.randn(SENTENCES, 2, generator=random).tolist()}


def train(loss: Any, *columns: str) -> list[float]:
    """The losses of two epochs from the same start, on the same batches."""
    model, seen = small_model(), []
    made = loss(model)
    made.register_forward_hook(lambda _module, _given, found: seen.append(found.item()))
    data = Dataset.from_dict({name: x for name, x in sentences().items() if name in columns})
    with tempfile.TemporaryDirectory() as folder:
        trainer = SentenceTransformerTrainer(
            model=model,
            loss=made,
            train_dataset=data,
            args=SentenceTransformerTrainingArguments(
                folder,
                num_train_epochs=2,
                per_device_train_batch_size=BATCH,
                optim="sgd",
                learning_rate=1.0,
                lr_scheduler_type="constant",
                use_cpu=True,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return seen


if __name__ == "__main__":
    pairs = ("query", "positive", "negative")
    for name, kind, columns in (
        ("MultipleNegativesRankingLoss", losses.MultipleNegativesRankingLoss, pairs),
        ("plogq, in-batch negatives", InBatch, pairs),
        (
            "DistillKLDivLoss",
            lambda model: losses.DistillKLDivLoss(model, temperature=TEMPERATURE),
            (*pairs, "label"),
        ),
        ("plogq, distillation", Distilled, (*pairs, "label")),
    ):
        print(f"{name:32}", " ".join(f"{x:.6f}" for x in train(kind, *columns)))
