"""What each loss takes, in the enums of `plogq.compat.declared`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..compat.declared import EXCLUSIVE, YES_NO, Holds, Reduces, Takes

__all__ = ["CONTRACTS", "EXCLUSIVE", "KERAS_STRINGS", "LIBRARIES", "YES_NO", "Contract", "Holds",
           "Reduces", "Takes", "with_logits"]  # fmt: skip


# As their users write them, by what is imported.
LIBRARIES = {"torch": "PyTorch", "tensorflow": "TensorFlow", "keras": "Keras", "jax": "JAX",
             "optax": "optax", "sklearn": "scikit-learn"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contract:
    """What one loss takes. `arguments` are the positions of the prediction and of the target."""

    name: str  # as its users say it: "F.cross_entropy"
    peer: str
    helper: str  # its name in plogq.compat; "": it has none there
    outcomes: str
    takes: Takes
    holds: Holds
    axis: int | None  # the class axis; None: there is none
    reduces: Reduces
    prediction: tuple[str, ...] = ("input",)
    target: tuple[str, ...] = ("target",)
    target_first: bool = False
    flag: bool = False  # Keras' from_logits
    module: bool = False  # a class, whose instance is called
    divergence: bool = False  # Σ p log(p / q)
    broadcasts: bool = False  # takes (N, 1) beside (N,) without a word
    index_crashes: bool = False  # what happens to index labels is an error, not a number
    unaligned: bool = False  # its labels are sequences of another length than the scores

    @property
    def exclusive(self) -> bool:
        """Whether its outcomes are exclusive classes."""
        return self.outcomes == EXCLUSIVE


def with_logits(contract: Contract) -> Contract:
    """The contract of a loss that was told from_logits=True."""
    return replace(contract, takes=Takes.SCORES)


CONTRACTS: dict[str, Contract] = {}


def _add(names: str, contract: Contract) -> None:
    for name in names.split():
        CONTRACTS[name] = contract


def _torch() -> None:
    scores, probs, logs = Takes.SCORES, Takes.PROBABILITIES, Takes.LOG_PROBABILITIES
    rows: tuple[tuple[str, str, str, Takes, Holds, int | None, Reduces, bool], ...] = (
        ("cross_entropy", "CrossEntropyLoss", EXCLUSIVE, scores, Holds.EITHER, 1,
         Reduces.MEAN, False),
        ("nll_loss", "NLLLoss", EXCLUSIVE, logs, Holds.INDEX, 1, Reduces.MEAN, False),
        ("binary_cross_entropy", "BCELoss", YES_NO, probs, Holds.YES_NO, None,
         Reduces.MEAN_OF_ELEMENTS, False),
        ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss", YES_NO, scores, Holds.YES_NO,
         None, Reduces.MEAN_OF_ELEMENTS, False),
        ("kl_div", "KLDivLoss", EXCLUSIVE, logs, Holds.DISTRIBUTION, None,
         Reduces.MEAN_OF_ELEMENTS, True),
    )  # fmt: skip
    for function, module, outcomes, takes, holds, axis, reduces, divergence in rows:
        made = Contract(
            f"F.{function}", "torch", function, outcomes, takes, holds, axis, reduces,
            divergence=divergence, broadcasts=divergence,
        )  # fmt: skip
        _add(f"torch.nn.functional.{function}", made)
        made = replace(made, name=f"nn.{module}", helper=module, module=True)
        _add(f"torch.nn.{module} torch.nn.modules.loss.{module}", made)
    _torch_others()


def _torch_others() -> None:
    """What PyTorch has and `plogq.compat` has not."""
    margin = Contract(
        "F.multilabel_soft_margin_loss", "torch", "", YES_NO, Takes.SCORES, Holds.YES_NO, None,
        Reduces.MEAN_OF_ELEMENTS,
    )  # fmt: skip
    ctc = Contract(
        "F.ctc_loss", "torch", "", EXCLUSIVE, Takes.LOG_PROBABILITIES, Holds.INDEX, -1,
        Reduces.MEAN, ("log_probs",), ("targets",), unaligned=True,
    )  # fmt: skip
    for made, module in ((margin, "MultiLabelSoftMarginLoss"), (ctc, "CTCLoss")):
        _add(f"torch.nn.functional.{made.name[2:]}", made)
        made = replace(made, name=f"nn.{module}", module=True)
        _add(f"torch.nn.{module} torch.nn.modules.loss.{module}", made)


def _keras() -> None:
    events, last = Reduces.EVENT, Reduces.LAST_AXIS
    rows = (
        ("categorical_crossentropy", "CategoricalCrossentropy", EXCLUSIVE, Holds.DISTRIBUTION,
         events, True),
        ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", EXCLUSIVE,
         Holds.INDEX, events, True),
        ("binary_crossentropy", "BinaryCrossentropy", YES_NO, Holds.YES_NO, last, True),
        ("categorical_focal_crossentropy", "CategoricalFocalCrossentropy", EXCLUSIVE,
         Holds.DISTRIBUTION, events, True),
        ("binary_focal_crossentropy", "BinaryFocalCrossentropy", YES_NO, Holds.YES_NO, last, True),
        ("kl_divergence", "KLDivergence", EXCLUSIVE, Holds.DISTRIBUTION, events, False),
    )  # fmt: skip
    for function, module, outcomes, holds, reduces, flag in rows:
        axis = -1 if outcomes == EXCLUSIVE else None
        made = Contract(
            f"keras.losses.{function}", "keras", function, outcomes, Takes.PROBABILITIES, holds,
            axis, reduces, ("y_pred",), ("y_true",), target_first=True, flag=flag,
            divergence=function == "kl_divergence",
        )  # fmt: skip
        _add(f"keras.losses.{function} keras.metrics.{function}", made)
        made = replace(
            made, name=f"keras.losses.{module}", helper=module, module=True, reduces=Reduces.MEAN
        )
        _add(f"keras.losses.{module}", made)
    for alias in ("kld", "KLD", "kullback_leibler_divergence"):
        CONTRACTS[f"keras.losses.{alias}"] = CONTRACTS["keras.losses.kl_divergence"]
    for place in ("backend", "ops"):
        for function in ("categorical", "sparse_categorical", "binary"):
            made = CONTRACTS[f"keras.losses.{function}_crossentropy"]
            CONTRACTS[f"keras.{place}.{function}_crossentropy"] = replace(
                made,
                name=f"keras.{place}.{function}_crossentropy",
                prediction=("output",),
                target=("target",),
                reduces=Reduces.ELEMENT if function == "binary" else Reduces.EVENT,
            )


# The strings that Model.compile knows.
KERAS_STRINGS = {
    "kld": "kl_divergence",
    "KLD": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "kl_divergence": "kl_divergence",
    **{
        name: name
        for name in (
            "categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "binary_crossentropy",
            "categorical_focal_crossentropy",
            "binary_focal_crossentropy",
            "CategoricalCrossentropy",
            "SparseCategoricalCrossentropy",
            "BinaryCrossentropy",
            "CategoricalFocalCrossentropy",
            "BinaryFocalCrossentropy",
            "KLDivergence",
        )
    },
}


def _tensorflow() -> None:
    def nn(name: str, outcomes: str, holds: Holds, reduces: Reduces) -> None:
        made = Contract(
            f"tf.nn.{name}", "tensorflow", name, outcomes, Takes.SCORES, holds,
            -1 if outcomes == EXCLUSIVE else None, reduces, ("logits",), ("labels",),
            target_first=True, index_crashes=holds is Holds.DISTRIBUTION,
        )  # fmt: skip
        _add(f"tensorflow.nn.{name}", made)

    nn("softmax_cross_entropy_with_logits", EXCLUSIVE, Holds.DISTRIBUTION, Reduces.EVENT)
    nn("sparse_softmax_cross_entropy_with_logits", EXCLUSIVE, Holds.INDEX, Reduces.EVENT)
    nn("sigmoid_cross_entropy_with_logits", YES_NO, Holds.YES_NO, Reduces.ELEMENT)
    nn("weighted_cross_entropy_with_logits", YES_NO, Holds.YES_NO, Reduces.ELEMENT)
    _add("tensorflow.nn.ctc_loss", _ctc("tf.nn.ctc_loss", "tensorflow", target_first=True))
    CONTRACTS["tensorflow.nn.softmax_cross_entropy_with_logits_v2"] = CONTRACTS[
        "tensorflow.nn.softmax_cross_entropy_with_logits"
    ]
    rows = (
        ("softmax_cross_entropy", EXCLUSIVE, Takes.SCORES, Holds.DISTRIBUTION, "onehot_labels",
         "logits"),
        ("sparse_softmax_cross_entropy", EXCLUSIVE, Takes.SCORES, Holds.INDEX, "labels", "logits"),
        ("sigmoid_cross_entropy", YES_NO, Takes.SCORES, Holds.YES_NO, "multi_class_labels",
         "logits"),
        ("log_loss", YES_NO, Takes.PROBABILITIES, Holds.YES_NO, "labels", "predictions"),
    )  # fmt: skip
    for name, outcomes, takes, holds, target, prediction in rows:
        made = Contract(
            f"tf.compat.v1.losses.{name}", "tensorflow", f"compat.v1.losses.{name}", outcomes,
            takes, holds, -1 if outcomes == EXCLUSIVE else None, Reduces.MEAN, (prediction,),
            (target,), target_first=True,
        )  # fmt: skip
        _add(f"tensorflow.compat.v1.losses.{name}", made)


def _optax() -> None:
    scores, logs = Takes.SCORES, Takes.LOG_PROBABILITIES
    rows: tuple[tuple[str, str, Takes, Holds, str, str], ...] = (
        ("softmax_cross_entropy", EXCLUSIVE, scores, Holds.DISTRIBUTION, "logits", "labels"),
        ("safe_softmax_cross_entropy", EXCLUSIVE, scores, Holds.DISTRIBUTION, "logits", "labels"),
        ("poly_loss_cross_entropy", EXCLUSIVE, scores, Holds.DISTRIBUTION, "logits", "labels"),
        ("softmax_cross_entropy_with_integer_labels", EXCLUSIVE, scores, Holds.INDEX, "logits",
         "labels"),
        ("sigmoid_binary_cross_entropy", YES_NO, scores, Holds.YES_NO, "logits", "labels"),
        ("sigmoid_focal_loss", YES_NO, scores, Holds.YES_NO, "logits", "labels"),
        ("kl_divergence", EXCLUSIVE, logs, Holds.DISTRIBUTION, "log_predictions", "targets"),
        ("kl_divergence_with_log_targets", EXCLUSIVE, logs, Holds.DISTRIBUTION, "log_predictions",
         "log_targets"),
    )  # fmt: skip
    for name, outcomes, takes, holds, prediction, target in rows:
        made = Contract(
            f"optax.{name}", "optax", name, outcomes, takes, holds,
            -1 if outcomes == EXCLUSIVE else None,
            Reduces.ELEMENT if outcomes == YES_NO else Reduces.EVENT, (prediction,), (target,),
            divergence="divergence" in name, broadcasts=True,
        )  # fmt: skip
        _add(f"optax.{name} optax.losses.{name}", made)
    _add("optax.ctc_loss optax.losses.ctc_loss", _ctc("optax.ctc_loss", "optax"))


def _ctc(name: str, peer: str, target_first: bool = False) -> Contract:
    """Connectionist temporal classification, of scores."""
    return Contract(
        name, peer, "", EXCLUSIVE, Takes.SCORES, Holds.INDEX, -1, Reduces.EVENT, ("logits",),
        ("labels",), target_first=target_first, unaligned=True,
    )  # fmt: skip


def _sklearn() -> None:
    made = Contract(
        "sklearn.metrics.log_loss", "sklearn", "log_loss", EXCLUSIVE, Takes.PROBABILITIES,
        Holds.EITHER, 1, Reduces.MEAN, ("y_proba", "y_pred"), ("y_true",), target_first=True,
    )  # fmt: skip
    _add("sklearn.metrics.log_loss sklearn.metrics._classification.log_loss", made)


for _table in (_torch, _keras, _tensorflow, _optax, _sklearn):
    _table()
