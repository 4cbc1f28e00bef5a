"""`patch`: a transformers language model whose loss never has the scores of all words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Self

import torch

from ..definition import cross_entropy
from ..errors import PairError, ShapeError
from ..options import shown
from ..representations.linear import LinearLogits
from ..representations.targets import Labels

Tensor = torch.Tensor

# Scores of these few words are computed all the same: they show what a model makes of scores.
_SHOWN = 2
_PATCHES = "_plogq_patch"
_IGNORED = -100
# What configs call a factor of the scores, or what they are divided by.
_FACTORS = ("logit_scale", "lm_head_multiplier", "output_multiplier", "logits_scaling")


def patch(model: Any, *, when: str = "training") -> Patch:
    """Put `LinearLogits` under a causal language model of transformers, in place.

    Where `labels` are given, the model's loss is H(Labels, LinearLogits(hidden, weight, bias)), in
    nats: label t + 1 for the hidden states of token t, those of -100 ignored, a mean over the
    others, or with `num_items_in_batch` their sum over that number. The scores, tokens × words, are
    never stored, and the output's `logits` are None. `when="training"` leaves a model in `eval()`
    as it was, scores included; `"always"` does not. Without labels nothing changes. A soft cap of
    the scores (`final_logit_softcapping`) and a factor that the config names are known,
    `shift_labels` and `logits_to_keep` honoured. What is returned takes it out again: at the end of
    a `with` block, or by `unpatch(model)`.

    Raises:
        PairError: a model that has no linear last layer, or whose loss is its own affair; in the
            first step, one that changes its scores in another way.
        ValueError: a `when` that does not exist.

    Examples:
        >>> from transformers import LlamaConfig, LlamaForCausalLM
        >>> import torch, plogq
        >>> config = LlamaConfig(vocab_size=64, hidden_size=8, intermediate_size=8,
        ...                      num_hidden_layers=1, num_attention_heads=1)
        >>> model, words = LlamaForCausalLM(config), torch.tensor([[1, 2, 3]])
        >>> before = model(words, labels=words).loss
        >>> with plogq.patch(model, when="always"):
        ...     output = model(words, labels=words)
        >>> torch.allclose(output.loss, before), output.logits
        (True, None)
    """
    if when not in ("training", "always"):
        raise ValueError(f'when takes "training" or "always", got {shown(when)}')
    if getattr(model, _PATCHES, None) is not None:
        raise PairError("this model is patched already; plogq.unpatch(model) takes it out first")
    return Patch(model, _head_of(model), when == "always")


def unpatch(model: Any) -> Any:
    """Take out what `patch` has put under a model; one that has none is left as it is.

    Returns the model.

    Examples:
        >>> import torch, plogq
        >>> model = torch.nn.Linear(2, 2)
        >>> plogq.unpatch(model) is model
        True
    """
    found = getattr(model, _PATCHES, None)
    if found is not None:
        found.unpatch()
    return model


def _head_of(model: Any) -> Any:
    """The last layer, once it is one that LinearLogits can stand for."""
    kind: Any = model.__class__
    name = kind.__name__
    find = getattr(model, "get_output_embeddings", None)
    if find is None or not hasattr(kind, "loss_function"):
        raise PairError(
            f"patch takes a causal language model of transformers, such as LlamaForCausalLM, and "
            f"{name} has no output embeddings and loss_function; for a model of your own write "
            "cross_entropy(Labels(y), LinearLogits(hidden, weight))"
        )
    head = find()
    if not isinstance(head, torch.nn.Linear) or type(head).forward is not torch.nn.Linear.forward:
        raise PairError(
            f"patch takes a model whose last layer is a torch.nn.Linear, and that of {name} is "
            f"{'none' if head is None else type(head).__name__}: an adapter or a quantised layer "
            "has no weight of its own; merge it into the layer before"
        )
    return head


class Patch:
    """A model that is patched; a `with` block takes the patch out at its end."""

    def __init__(self, model: Any, head: Any, always: bool) -> None:
        self.model, self.head, self.always = model, head, always
        config: Any = getattr(model, "config", None)
        config = config.get_text_config() if hasattr(config, "get_text_config") else config
        self.softcap: float | None = getattr(config, "final_logit_softcapping", None)
        self.factor: float | None = None  # known once scores have been seen
        self._hidden: Tensor | None = None  # of a forward in which the scores are left out
        self._shown: Tensor | None = None
        self._kept: Any = 0
        # Granite divides its scores by the number that HyperCLOVA X multiplies them by, so that
        # the scores themselves say which it is.
        named = [float(x) for x in (getattr(config, name, None) for name in _FACTORS) if x]
        self._factors = [*named, *(1.0 / x for x in named), 1.0]
        self._own = model.loss_function
        self._had = {k: model.__dict__.get(k) for k in ("forward", "_loss_function")}
        setattr(model, _PATCHES, self)
        model.forward = self._around(model.forward)
        model.loss_function = self._loss
        head.forward = self._last

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unpatch()

    def unpatch(self) -> None:
        """Make the model what it was."""
        for name, value in self._had.items():
            self.model.__dict__.pop(name, None)
            if value is not None:
                self.model.__dict__[name] = value
        self.head.__dict__.pop("forward", None)
        self.model.__dict__.pop(_PATCHES, None)

    def _around(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The model's forward; it leaves scores out where there are labels for a loss."""

        names = list(signature(forward).parameters)

        @wraps(forward)
        def run(*args: Any, **kwargs: Any) -> Any:
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            if given.get("labels") is None or not (self.always or self.model.training):
                return forward(*args, **kwargs)
            self._kept = given.get("logits_to_keep", 0)
            self._asked, self._answered = True, False
            try:
                output = forward(*args, **kwargs)
            except Exception as error:
                if self._answered or self._hidden is None:
                    raise
                raise PairError(self._own_affair()) from error
            finally:
                self._asked, self._hidden, self._shown = False, None, None
            if not self._answered:
                raise PairError(self._own_affair())
            if isinstance(output, tuple):
                return (output[0], None, *output[2:])
            return dataclasses.replace(output, logits=None)

        return run

    _asked = False
    _answered = False

    def _last(self, hidden: Tensor) -> Tensor:
        """The last layer: of all scores those of a few words, where a loss is to come."""
        head = self.head
        if not self._asked:
            return torch.nn.functional.linear(hidden, head.weight, head.bias)
        self._hidden = hidden
        with torch.no_grad():
            bias = None if head.bias is None else head.bias[:_SHOWN]
            self._shown = torch.nn.functional.linear(hidden, head.weight[:_SHOWN], bias)
        return self._shown

    def _loss(
        self,
        logits: Tensor,
        labels: Tensor,
        vocab_size: int | None = None,
        num_items_in_batch: Any = None,
        ignore_index: int = _IGNORED,
        shift_labels: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """What the model calls with its scores and labels."""
        hidden, head = self._hidden, self.head
        if hidden is None:
            return self._own(
                logits=logits,
                labels=labels,
                vocab_size=vocab_size,
                num_items_in_batch=num_items_in_batch,
                ignore_index=ignore_index,
                shift_labels=shift_labels,
                **kwargs,
            )
        self._answered = True
        weight, bias = head.weight, head.bias
        factor = self._factor_of(logits)
        if factor != 1.0:
            hidden, bias = hidden * factor, None if bias is None else bias * factor
        index = following(labels, ignore_index) if shift_labels is None else shift_labels
        index = kept(index, hidden.shape[-2], self._kept)
        return cross_entropy(
            Labels(index.to(hidden.device), ignore=ignore_index),
            LinearLogits(hidden, weight, bias, softcap=self.softcap),
            normalizer=num_items_in_batch,
        )

    def _factor_of(self, logits: Tensor) -> float:
        """What the model multiplies its scores by, seen at those few that it has."""
        if self.factor is None:
            seen = logits.detach().double()
            errors = {f: self._error(f, seen) for f in self._factors}
            self.factor = min(errors, key=lambda f: errors[f])
            if not errors[self.factor] < 2e-2:
                raise PairError(
                    f"{type(self.model).__name__} changes its scores after its last layer, and not "
                    f"as its config says (final_logit_softcapping={self.softcap}; factor "
                    f"{self._factors[0]}): this would be another loss; unpatch(model), and write "
                    "cross_entropy(Labels(y, ignore=-100), Logits(logits))"
                )
        return self.factor

    def _error(self, factor: float, seen: Any) -> float:
        """How far the scores that the model ends with are from those of this factor."""
        assert self._shown is not None
        expected: Any = self._shown.double() * factor
        if self.softcap is not None:
            expected = self.softcap * torch.tanh(expected / self.softcap)
        return float((seen - expected).norm() / seen.norm().clamp(min=1e-30))

    def _own_affair(self) -> str:
        return (
            f"{type(self.model).__name__} computes its loss itself and does not ask its "
            "loss_function, so that nothing can be put under it; unpatch(model), take its hidden "
            "states (output_hidden_states=True), and write cross_entropy(Labels(y, ignore=-100), "
            "LinearLogits(hidden, weight))"
        )


def following(labels: Tensor, ignore: int) -> Tensor:
    """The label of the next token for each, and `ignore` for the last."""
    return torch.nn.functional.pad(labels[..., 1:], (0, 1), value=ignore)


def kept(index: Tensor, tokens: int, which: Any) -> Tensor:
    """The labels of those tokens whose hidden states were kept: the last ones, or those named."""
    if index.shape[-1] == tokens:
        return index
    found = index[..., -tokens:] if isinstance(which, int) else index[..., which]
    if found.shape[-1] != tokens:
        raise ShapeError(
            f"labels are of {index.shape[-1]} tokens and hidden states of {tokens}; give a label "
            "for every token, or logits_to_keep for those that are to have one"
        )
    return found
