"""One cross-entropy, H(P, Q) = -Σ p log q: exact, fast, and clear about what each array is."""

import typing as _typing

from . import keras_saving as _keras_saving
from . import lazy
from .checks import validation
from .definition import (
    cross_entropy,
    explain,
    log_normalizer,
    value_and_grad,
)
from .divergence import entropy, js_divergence, kl_divergence
from .errors import (
    DeviceError,
    DtypeError,
    KernelRefused,
    LabelError,
    PairError,
    PlogqError,
    ProbabilityError,
    ShapeError,
    SoftmaxTwiceWarning,
)
from .frameworks import autodiff as _autodiff
from .helpers import (
    binary_cross_entropy,
    categorical_cross_entropy,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    sparse_categorical_cross_entropy,
    sparse_softmax_cross_entropy,
)
from .representations import pytrees as _pytrees
from .representations.binary import BinaryLogits, BinaryProbs
from .representations.linear import LinearLogits
from .representations.predictions import Logits, LogProbs, ShardedLogits
from .representations.sparse import SparseProbs
from .representations.targets import Labels, Probs
from .representations.tempered import Tempered
from .representations.wrappers import Smoothed, Weighted
from .shaping import focal, poly

if _typing.TYPE_CHECKING:
    from . import doctor
    from .doctor.diagnosis import diagnose

_pytrees.offer()
_autodiff.offer()
_keras_saving.offer()

__version__ = "0.1.0"

__all__ = [
    "BinaryLogits",
    "BinaryProbs",
    "DeviceError",
    "DtypeError",
    "KernelRefused",
    "LabelError",
    "Labels",
    "LinearLogits",
    "LogProbs",
    "Logits",
    "PairError",
    "PlogqError",
    "ProbabilityError",
    "Probs",
    "ShapeError",
    "ShardedLogits",
    "Smoothed",
    "SoftmaxTwiceWarning",
    "SparseProbs",
    "Tempered",
    "Weighted",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "cross_entropy",
    "diagnose",
    "doctor",
    "entropy",
    "explain",
    "focal",
    "js_divergence",
    "kl_divergence",
    "log_normalizer",
    "poly",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_categorical_cross_entropy",
    "sparse_softmax_cross_entropy",
    "validation",
    "value_and_grad",
]

# Subpackages that are loaded when they are first named, and functions of them.
_LAZY = ("boost", "compat", "doctor", "nn", "score")
_LAZY_FUNCTIONS = {
    "diagnose": "doctor.diagnosis",
    "evaluate": "score.python",
    "patch": "nn.patching",
    "unpatch": "nn.patching",
}

if _typing.TYPE_CHECKING:
    from .nn.patching import patch as patch
    from .nn.patching import unpatch as unpatch
    from .score.python import evaluate as evaluate
else:
    __getattr__ = lazy.names(__name__, _LAZY, _LAZY_FUNCTIONS)


def __dir__() -> list[str]:
    return sorted({*__all__, *_LAZY, *_LAZY_FUNCTIONS, "__version__"})
