"""What tab completion shows, and subpackages that are loaded when they are named."""

from __future__ import annotations

import re
import subprocess
import sys
import traceback

import pytest

import plogq

from .together import for_each


def test_only_public_names_are_shown() -> None:
    assert set(dir(plogq)) == {
        *plogq.__all__,
        *("boost", "compat", "evaluate", "nn", "patch", "score", "unpatch", "__version__"),
    }
    assert "torch" in dir(plogq.nn)
    assert {"keras", "torch", "optax", "sklearn", "tensorflow"} <= set(dir(plogq.compat))
    for name in dir(plogq):
        assert getattr(plogq, name) is not None


def test_subpackages_are_loaded_when_they_are_named() -> None:
    code = (
        "import sys, plogq\n"
        "names = [f'plogq.{n}' for n in ('compat', 'nn', 'score')]\n"
        "assert not any(n in sys.modules for n in names)\n"
        "assert plogq.compat.theano.__name__ == 'plogq.compat.theano'\n"
        "assert plogq.nn.__name__ == 'plogq.nn'\n"
        "assert 'torch' not in sys.modules and 'plogq.score' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@for_each(
    ("module", "typo", "meant"),
    [
        (plogq, "cross_entropi", "cross_entropy"),
        (plogq.compat, "kerass", "keras"),
        (plogq.nn, "torchh", "torch"),
    ],
)
def test_a_typo_is_guessed(module: object, typo: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{typo}'") as caught:
        getattr(module, typo)
    # Python makes the guess from these where it prints the error, from 3.12 on for modules too.
    assert caught.value.name == typo
    assert meant in dir(caught.value.obj)
    assert traceback.format_exception(caught.value)[-1].startswith("AttributeError: plogq")


def test_a_missing_extra_is_named() -> None:
    code = (
        "import sys\nsys.modules['pyarrow'] = None\n"
        "try:\n    import plogq.score\nexcept ModuleNotFoundError as e:\n    print(e)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout == (
        "plogq.score needs pyarrow, which is not installed: pip install 'plogq[cli]'\n"
    )


@for_each(
    ("name", "written"),
    [
        ("CrossEntropyLoss", "write cross_entropy(Labels(y), Logits(z)), or "
         "plogq.compat.torch.CrossEntropyLoss, which has the arguments and numbers of PyTorch's"),
        ("binary_crossentropy", "write cross_entropy(BinaryProbs(y), BinaryProbs(q)), or "
         "plogq.compat.keras.binary_crossentropy, which"),
        ("KLDivLoss", "write kl_divergence(Probs(p), LogProbs(x)), or plogq.compat.torch.KLDiv"),
        ("sigmoid_focal_loss", "'; plogq.compat.optax.sigmoid_focal_loss has the arguments"),
        ("log_loss", "plogq.compat.tensorflow.compat.v1.losses.log_loss, which has"),
        ("log_loss", "write cross_entropy(Labels(y), Probs(q)), or plogq.compat.sklearn.log_loss"),
    ],
)  # fmt: skip
def test_a_peers_name_is_known(name: str, written: str) -> None:
    for module in (plogq, plogq.nn, plogq.compat):
        with pytest.raises(AttributeError, match=re.escape(written)):
            getattr(module, name)
