"""The one name of a thing that its libraries export under several."""

from __future__ import annotations

from functools import lru_cache

# Longest first: what a name begins with, and what it begins with in our tables.
_PREFIXES = (
    ("tensorflow.python.keras", "keras"),
    ("tensorflow.compat.v1.keras", "keras"),
    ("tensorflow.compat.v2.keras", "keras"),
    ("tensorflow.keras", "keras"),
    ("tensorflow.losses", "keras.losses"),
    ("tensorflow.metrics", "keras.metrics"),
    ("tensorflow.compat.v1.nn", "tensorflow.nn"),
    ("tensorflow.compat.v1.math", "tensorflow.math"),
    ("tensorflow.compat.v2", "tensorflow"),
    ("tensorflow_addons", "tfa"),
    ("tf_keras", "keras"),
    ("keras.api", "keras"),
    ("keras.metrics.categorical_accuracy", "keras.metrics.categorical_accuracy"),
    ("keras.engine", "keras"),
    ("keras.layers.core", "keras.layers"),
    ("keras.src.layers", "keras.layers"),
    ("keras.src.ops", "keras.ops"),
    ("keras.utils.np_utils", "keras.utils"),
    ("pytorch_lightning", "lightning"),
    ("lightning.pytorch", "lightning"),
    ("lightning_fabric", "lightning.fabric"),
    ("torch.nn.modules.loss", "torch.nn"),
    ("torch.nn.modules.activation", "torch.nn"),
    ("torch.nn.modules", "torch.nn"),
    ("flax.linen.activation", "jax.nn"),
    ("flax.linen.softmax", "jax.nn.softmax"),
    ("flax.linen.log_softmax", "jax.nn.log_softmax"),
    ("flax.linen.sigmoid", "jax.nn.sigmoid"),
    ("flax.nnx.softmax", "jax.nn.softmax"),
    ("flax.nnx.log_softmax", "jax.nn.log_softmax"),
    ("flax.nnx.sigmoid", "jax.nn.sigmoid"),
    ("jax.experimental.optimizers", "optax"),
    ("torch.functional", "torch"),
    ("torch._C._nn", "torch.nn.functional"),
    ("sklearn.metrics._classification", "sklearn.metrics"),
)
_TF1_LOSSES = frozenset(
    ("softmax_cross_entropy", "sparse_softmax_cross_entropy", "sigmoid_cross_entropy", "log_loss")
)

# Libraries that are known by these tables, and never read.
LIBRARIES = frozenset(
    [
        "torch",
        "tensorflow",
        "keras",
        "tf_keras",
        "jax",
        "jaxlib",
        "flax",
        "optax",
        "haiku",
        "equinox",
        "numpy",
        "scipy",
        "sklearn",
        "pandas",
        "transformers",
        "timm",
        "torchvision",
        "torchaudio",
        "torchtext",
        "torchmetrics",
        "lightning",
        "pytorch_lightning",
        "accelerate",
        "datasets",
        "tensorflow_datasets",
        "tensorflow_addons",
        "xgboost",
        "lightgbm",
        "matplotlib",
        "seaborn",
        "tqdm",
        "wandb",
        "mlflow",
        "PIL",
        "cv2",
        "einops",
        "tokenizers",
        "peft",
        "trl",
        "deepspeed",
        "apex",
        "tensorboard",
        "albumentations",
        "huggingface_hub",
        "evaluate",
        "chex",
        "dm_haiku",
        "plogq",
        "pytest",
        "typer",
        "rich",
        "pyarrow",
        "mpmath",
        "hypothesis",
        "triton",
        "absl",
        "hydra",
        "omegaconf",
        "ray",
        "optuna",
        "nltk",
        "spacy",
        "gensim",
    ]
)

# Where functions of arrays live: their last name says which.
ARRAY_MODULES = frozenset(
    [
        "torch",
        "torch.nn.functional",
        "torch.special",
        "torch.linalg",
        "torch.Tensor",
        "numpy",
        "jax.numpy",
        "jax.nn",
        "jax.lax",
        "jax.scipy.special",
        "jax.numpy.linalg",
        "tensorflow",
        "tensorflow.math",
        "tensorflow.nn",
        "tensorflow.linalg",
        "tensorflow.image",
        "keras.ops",
        "keras.backend",
        "keras.activations",
        "keras.utils",
        "scipy.special",
        "flax.linen",
        "flax.nnx",
        "numpy.linalg",
    ]
)


@lru_cache(maxsize=8192)
def canonical(name: str) -> str:
    """The name in our tables.

    >>> canonical("tensorflow.keras.layers.Dense")
    'keras.layers.Dense'
    """
    head, _, last = name.rpartition(".")
    if head in ("tensorflow.losses", "tensorflow.compat.v1.losses") and last in _TF1_LOSSES:
        return f"tensorflow.compat.v1.losses.{last}"
    changed = True
    if name.startswith("tensorflow.compat.v1.") and ".losses" not in name:
        name = f"tensorflow.{name[21:]}"
    while changed:
        changed = False
        for old, new in _PREFIXES:
            if (name == old or name.startswith(old + ".")) and old != new:
                name, changed = new + name[len(old) :], True
                break
    return name


@lru_cache(maxsize=8192)
def array_function(name: str) -> str | None:
    """The last name of a function of arrays: "softmax" of "torch.nn.functional.softmax"."""
    head, _, last = name.rpartition(".")
    return last if head in ARRAY_MODULES else None
