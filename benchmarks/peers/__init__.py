"""The peers: for each, the package it needs and what it can do, one file a library.

A peer's `WORK` maps the name of a kind of work to a function that takes the inputs as NumPy arrays,
hands them over in the peer's own type outside the clock, and returns the function that is timed.
It returns the mean loss, or (mean loss, gradients).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..case import Run

Prepare = Callable[..., Run]


@dataclass(frozen=True, slots=True)
class Peer:
    """A library, or one way of using it; `table` names the dictionary of work in its file."""

    name: str
    title: str
    needs: tuple[str, ...]
    module: str
    table: str = "WORK"

    def work(self, kind: str) -> Callable[..., Callable[[], Run]]:
        """What prepares this kind of work; the peer's file is imported when it is called."""

        def later(*inputs: Any) -> Callable[[], Run]:
            def prepare() -> Run:
                table: dict[str, Prepare] = getattr(
                    import_module(f"{__name__}.{self.module}"), self.table
                )
                return table[kind](*(make() for make in inputs))

            return prepare

        return later


PEERS = {
    peer.name: peer
    for peer in (
        Peer("plogq", "plogq", ("plogq",), "ours"),
        Peer("read", "merely reading the array", ("plogq",), "read"),
        Peer("touch", "reading both and writing one", ("torch",), "torch_nn", "TOUCHED"),
        Peer("numpy", "NumPy by hand", ("numpy",), "by_hand"),
        Peer("scipy", "SciPy logsumexp", ("scipy",), "scipy_special"),
        Peer("sklearn", "scikit-learn log_loss", ("sklearn", "scipy"), "sklearn_metrics"),
        Peer("torch", "PyTorch eager", ("torch",), "torch_nn", "EAGER"),
        Peer("torch.compile", "PyTorch compiled", ("torch",), "torch_nn", "COMPILED"),
        Peer(
            "torch.fused",
            "PyTorch F.linear_cross_entropy, in chunks",
            ("torch",),
            "torch_nn",
            "FUSED",
        ),
        Peer(
            "torch.float32", "PyTorch in float32, rounded once", ("torch",), "torch_nn", "FLOAT32"
        ),
        Peer("plogq.torch", "plogq", ("plogq", "torch"), "on_torch"),
        Peer(
            "plogq.filter",
            "plogq, gradient_filter=2⁻¹²",
            ("plogq", "torch"),
            "on_torch",
            "FILTERED",
        ),
        *(
            Peer(f"cuda.{name}", title, ("torch", *needs), "on_cuda", table)
            for name, title, needs, table in (
                ("plogq", "plogq", ("plogq",), "PLOGQ"),
                ("tiles", "plogq, workspace=0", ("plogq",), "TILES"),
                ("filter", "plogq, gradient_filter=2⁻¹²", ("plogq",), "FILTERED"),
                ("torch", "PyTorch eager", (), "EAGER"),
                ("compile", "PyTorch compiled", (), "COMPILED"),
                ("fused", "PyTorch F.linear_cross_entropy, in chunks", (), "FUSED"),
                ("liger", "Liger-Kernel", ("liger_kernel",), "LIGER"),
                ("cce", "Cut Cross-Entropy", ("cut_cross_entropy",), "CCE"),
                ("cce.whole", "Cut Cross-Entropy, no filter", ("cut_cross_entropy",), "CCE_WHOLE"),
                ("quack", "Quack", ("quack",), "QUACK"),
                ("copy", "a copy of the scores", (), "COPY"),
                ("products", "the matrix products alone", (), "PRODUCTS"),
            )
        ),
        Peer("jax", "JAX jit", ("jax",), "jax_nn"),
        Peer("optax", "optax, jitted", ("jax", "optax"), "optax_losses"),
        Peer("optax.unfused", "JAX jit, unfused", ("jax", "optax"), "optax_losses"),
        Peer("plogq.jax", "plogq", ("plogq", "jax"), "on_jax"),
        Peer(
            "plogq.formula",
            "plogq in XLA's own operations",
            ("plogq", "jax"),
            "on_jax",
            "FORMULA",
        ),
        Peer("tensorflow", "tf.nn", ("tensorflow",), "tf_nn"),
        Peer("tensorflow.xla", "tf.nn, jit_compile", ("tensorflow",), "tf_nn", "XLA"),
        Peer("plogq.tensorflow", "plogq", ("plogq", "tensorflow"), "on_tensorflow"),
        Peer("plogq.xla", "plogq, jit_compile", ("plogq", "tensorflow"), "on_tensorflow", "XLA"),
        Peer("keras", "Keras' own loss", ("keras",), "keras_fit"),
        Peer("plogq.keras", "plogq.compat.keras", ("plogq", "keras"), "keras_fit", "OURS"),
    )
}
