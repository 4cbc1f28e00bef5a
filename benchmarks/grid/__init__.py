"""Every shape and every kind of loss beside the framework's own: where is ours the slower one?"""

from __future__ import annotations

from dataclasses import dataclass

SHAPES = (
    (32, 2),
    (64, 10),
    (512, 10),
    (65536, 10),
    (1_000_000, 2),
    (256, 100),
    (4096, 100),
    (128, 1000),
    (4096, 1000),
    (16384, 1000),
    (64, 4096),
    (2048, 4096),
    (16, 32000),
    (512, 32000),
    (2048, 32000),
    (64, 128256),
)
KINDS = ("labels", "ignored", "smoothed", "soft", "yes/no", "none")
DTYPES = ("float32", "bfloat16")
FRAMEWORKS = {
    "numpy": "NumPy beside F.cross_entropy on torch.from_numpy",
    "torch": "PyTorch beside torch.nn.functional",
    "jax": "JAX beside optax, both under jit",
    "tensorflow": "TensorFlow beside tf.nn",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One comparison: how often the framework's own loss takes the time of ours."""

    way: str
    kind: str
    shape: tuple[int, int]
    dtype: str
    gradient: bool
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        return self.peer / self.ours

    @property
    def small(self) -> bool:
        """Whether it is all fixed cost: fewer elements than 512 × 10."""
        return self.shape[0] * self.shape[1] < 5120
