"""No alarm on models of transformers with their own losses, built from small configurations."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import plogq

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")

_D = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24,
    "vocab_size": 40, "max_position_embeddings": 32, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "num_key_value_heads": 2,
}  # fmt: skip
_ENCODERS = ("Bert", "Roberta", "Electra", "Albert", "DistilBert", "Deberta", "MPNet", "ConvBert")
_DECODERS = ("Llama", "Mistral", "Qwen2", "Gemma", "GPTNeoX", "Phi", "OPT", "Bloom", "GPT2",
             "Mamba")  # fmt: skip
_BOTH = ("T5", "Bart")


def config(name: str, **more: Any) -> Any:
    special = {
        "GPT2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32},
        "DistilBert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 24},
        "Albert": {"embedding_size": 16},
        "Electra": {"embedding_size": 16},
        "Bloom": {"n_layer": 1, "n_head": 2},
        "OPT": {"ffn_dim": 24, "word_embed_proj_dim": 16},
        "T5": {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2,
               "decoder_start_token_id": 0},
        "Bart": {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 24,
                 "decoder_ffn_dim": 24, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
                 "decoder_start_token_id": 2},
        "Gemma": {"head_dim": 8},
        "Mamba": {"state_size": 4},
    }.get(name, {})  # fmt: skip
    return getattr(transformers, f"{name}Config")(**{**_D, **special, **more})


def ids(rows: int = 6, length: int = 12) -> Any:
    return torch.randint(3, 40, (rows, length))


def padded() -> tuple[Any, Any]:
    """Sequences of several lengths, and labels whose padding is left out."""
    x = ids()
    labels = x.clone()
    for row, end in enumerate((12, 9, 7, 12, 5, 10)):
        x[row, end:], labels[row, end:] = 0, -100
    return x, labels


def findings(model: Any, **batch: Any) -> list[str]:
    with warnings.catch_warnings(), plogq.doctor(quiet=True) as seen:
        warnings.simplefilter("ignore")
        loss = model.train()(**batch).loss
        loss.backward()
        model.eval()(**batch)
    assert seen._seen is not None
    assert seen._seen.faults == []
    return [f"{f.rule} {f.message}" for f in seen.findings]


@pytest.mark.parametrize("name", _ENCODERS)
def test_encoders(name: str) -> None:
    made = config(name, num_labels=3)
    x, labels = padded()
    cls = getattr(transformers, f"{name}ForSequenceClassification")
    assert findings(cls(made), input_ids=x, labels=torch.randint(0, 3, (6,))) == []
    cls = getattr(transformers, f"{name}ForTokenClassification")
    tags = torch.where(labels < 0, labels, labels % 3)
    assert findings(cls(made), input_ids=x, labels=tags) == []
    cls = getattr(transformers, f"{name}ForMaskedLM")
    assert findings(cls(config(name)), input_ids=x, labels=labels) == []
    cls = getattr(transformers, f"{name}ForQuestionAnswering")
    at = torch.randint(0, 12, (6,))
    assert findings(cls(config(name)), input_ids=x, start_positions=at, end_positions=at) == []
    several = config(name, num_labels=4, problem_type="multi_label_classification")
    cls = getattr(transformers, f"{name}ForSequenceClassification")
    assert findings(cls(several), input_ids=x, labels=(torch.rand(6, 4) > 0.5).float()) == []


@pytest.mark.parametrize("name", _DECODERS)
def test_decoders(name: str) -> None:
    x, labels = padded()
    cls = getattr(transformers, f"{name}ForCausalLM", None) or transformers.GPT2LMHeadModel
    assert findings(cls(config(name)), input_ids=x, labels=labels) == []


@pytest.mark.parametrize("name", _BOTH)
def test_encoder_decoders(name: str) -> None:
    x, labels = padded()
    cls = getattr(transformers, f"{name}ForConditionalGeneration")
    assert findings(cls(config(name)), input_ids=x, labels=labels) == []


def test_images_and_pairs() -> None:
    small = {k: _D[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads",
                                "intermediate_size")}  # fmt: skip
    vit = transformers.ViTConfig(**small, image_size=16, patch_size=8, num_labels=5)
    pixels = torch.randn(6, 3, 16, 16)
    model = transformers.ViTForImageClassification(vit)
    assert findings(model, pixel_values=pixels, labels=torch.randint(0, 5, (6,))) == []
    clip = transformers.CLIPConfig(
        text_config={**_D, "projection_dim": 8},
        vision_config={**small, "image_size": 16, "patch_size": 8, "projection_dim": 8},
        projection_dim=8,
    )  # fmt: skip
    x = ids(6, 8)
    x[:, -1] = 2
    assert findings(transformers.CLIPModel(clip), input_ids=x, pixel_values=pixels,
                    return_loss=True) == []  # fmt: skip
