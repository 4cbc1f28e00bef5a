"""Three questions that anyone can answer about a model, and the loss that the answers lead to.

The command `plogq choose`, the docs page and its tree in the browser are all made from this.
Most of it is one table, which stays in one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import log


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a question: its name, what it means, and a tiny array as an example."""

    name: str
    text: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One of the three questions, and its answers in the order in which they are shown."""

    name: str
    text: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Calls:
    """The same cross-entropy in each library; what a library has no call for is None.

    y is labels, p probabilities that are true, z scores, q probabilities and l log-probabilities
    that are predicted.
    """

    plogq: str
    keras: str
    keras_string: str | None
    tensorflow: str
    torch: str
    torch_module: str
    optax: str
    sklearn: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Where three answers lead."""

    name: str
    helper: str
    calls: Calls
    before: str
    last_layer: str
    mistake: str
    untrained: str


# What each library is called where its call is shown.
LIBRARIES = {
    "plogq": "plogq",
    "keras": "Keras, class",
    "keras_string": "Keras, string",
    "tensorflow": "TensorFlow",
    "torch": "PyTorch, function",
    "torch_module": "PyTorch, module",
    "optax": "optax",
    "sklearn": "scikit-learn",
}
ONE, EXCLUSIVE, INDEPENDENT = "one", "exclusive", "independent"

OUTPUTS = Question(
    "outputs",
    "How many numbers does your model put out for one example?",
    (
        Option(ONE, "one, for a yes or no: cats or dogs, spam or not, Dense(1)", "[0.8]"),
        Option(
            EXCLUSIVE,
            "one for each of K classes that exclude one another (multi-class): which digit it is, "
            "which word comes next",
            "[0.1, 0.7, 0.2]",
        ),
        Option(
            INDEPENDENT,
            "one for each of K outcomes of which several may be true (multi-label): tags, "
            "pixels of an autoencoder",
            "[0.9, 0.1, 0.8]",
        ),
    ),
)
_NOTHING = Option(
    "nothing", "nothing: any numbers come out, called logits or scores", "[-1.3, 4.2]"
)
_SIGMOID = Option(
    "sigmoid", "a sigmoid: each number lies between 0 and 1, they need not sum to 1", "[0.9, 0.8]"
)
_SOFTMAX = Option(
    "softmax", "a softmax: the numbers lie between 0 and 1 and sum to 1", "[0.2, 0.8]"
)
_LOG_SOFTMAX = Option(
    "log-softmax", "a log-softmax: the numbers are at most 0, logs of probabilities", "[-1.6, -0.2]"
)
_HIDDEN = Option(
    "hidden", "it is not computed yet: hidden states h, and a large weight W for the scores", ""
)
_LAST = "What does its last layer end in?"
_LABELS = "What do your labels look like?"
LAST_LAYER = {
    ONE: Question("last-layer", _LAST, (_NOTHING, _SIGMOID)),
    EXCLUSIVE: Question("last-layer", _LAST, (_NOTHING, _SOFTMAX, _LOG_SOFTMAX, _HIDDEN)),
    INDEPENDENT: Question("last-layer", _LAST, (_NOTHING, _SIGMOID)),
}
LABELS = {
    ONE: Question(
        "labels",
        _LABELS,
        (
            Option("0/1", "0 or 1 for each example", "y = [1, 0, 1]"),
            Option("probabilities", "a probability of yes (soft labels)", "y = [0.6, 0.1, 1.0]"),
        ),
    ),
    EXCLUSIVE: Question(
        "labels",
        _LABELS,
        (
            Option("index", "the index of the class, from 0", "y = [2, 0]"),
            Option("one-hot", "one-hot: a single 1 in each row", "p = [[0, 0, 1], [1, 0, 0]]"),
            Option(
                "probabilities",
                "a probability for each class (soft labels, distillation)",
                "p = [[0.6, 0.4, 0.0], [0.1, 0.1, 0.8]]",
            ),
        ),
    ),
    INDEPENDENT: Question(
        "labels",
        _LABELS,
        (
            Option("several ones", "0 or 1 for each outcome, several ones in a row",
                   "y = [[1, 0, 1], [0, 0, 0]]"),
            Option("probabilities", "a probability for each outcome", "y = [[0.9, 0.1, 0.6]]"),
        ),
    ),
}  # fmt: skip


def _known(classes: int) -> str:
    return f"ln {classes} = {log(classes):.3f}"


_UNTRAINED = {
    ONE: f"the logarithm of 2, {_known(2)}: an untrained model says 1/2",
    EXCLUSIVE: f"the logarithm of the number of classes: {_known(2)}, {_known(10)}, {_known(1000)}",
    INDEPENDENT: f"the logarithm of 2, {_known(2)}, as the mean over all outcomes",
}
# What the loss cannot fall below where a sigmoid is taken twice, and a softmax over ten classes.
TWICE_SIGMOID = log(1 + 1 / 2.718281828459045)
TWICE_SOFTMAX = log(1 + 9 / 2.718281828459045)


def _binary(labels: str, last: str, outputs: str) -> Answer:
    one = outputs == ONE
    hard = labels in ("0/1", "several ones")
    layer = "Dense(1)" if one else "Dense(K)"
    floats = "y.float()" if hard else "y"
    flat = "" if one else ".ravel()"
    if last == "nothing":
        helper = "sigmoid_cross_entropy"
        calls = Calls(
            "plogq.cross_entropy(BinaryProbs(y), BinaryLogits(z))",
            "keras.losses.BinaryCrossentropy(from_logits=True)",
            None,
            "tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z)",
            f"F.binary_cross_entropy_with_logits(z, {floats})",
            f"torch.nn.BCEWithLogitsLoss()(z, {floats})",
            "optax.sigmoid_binary_cross_entropy(z, y)",
            f"log_loss(y{flat}, scipy.special.expit(z{flat}), labels=[0, 1])" if hard else None,
        )
        right = (
            f"{layer} with nothing after it is right: scores (logits) keep the digits that a "
            "sigmoid rounds away"
        )
        mistake = (
            "a sigmoid at the end of the model and this loss after it: the sigmoid is taken twice, "
            f"and the loss of a yes stays above {TWICE_SIGMOID:.3f}"
        )
    else:
        helper = "binary_cross_entropy"
        calls = Calls(
            "plogq.cross_entropy(BinaryProbs(y), BinaryProbs(q))",
            "keras.losses.BinaryCrossentropy()",
            "binary_crossentropy",
            "tf.keras.losses.BinaryCrossentropy()(y, q)",
            f"F.binary_cross_entropy(q, {floats})",
            f"torch.nn.BCELoss()(q, {floats})",
            "optax.sigmoid_binary_cross_entropy(jax.scipy.special.logit(q), y)",
            f"log_loss(y{flat}, q{flat}, labels=[0, 1])" if hard else None,
        )
        right = (
            f"{layer} without the sigmoid, and the loss that takes scores, is better: in float32 a "
            "sigmoid is exactly 1 from a score of 18 on, and what a confident mistake costs is lost"
        )
        mistake = (
            "from_logits=True, or BCEWithLogitsLoss, on these probabilities: the sigmoid is taken "
            f"twice, and the loss of a yes stays above {TWICE_SIGMOID:.3f}"
        )
    if one and last == "sigmoid":
        mistake += "; and a softmax over one output, which is always 1"
    if not one:
        mistake += "; and a softmax over outcomes of which several may be true"
    return Answer(
        "binary cross-entropy" if one else "binary cross-entropy of every output",
        helper, calls, "", right, mistake, _UNTRAINED[outputs],
    )  # fmt: skip


_EXCLUSIVE_Q = {
    "nothing": ("Logits(z)", "z", "z", "z"),
    "softmax": ("Probs(q)", "q", "q.log()", "jnp.log(q)"),
    "log-softmax": ("LogProbs(l)", "l", "l", "l"),
    "hidden": ("LinearLogits(h, W, b)", "z", "z", "z"),
}


def _classes(labels: str, last: str) -> Answer:
    index = labels == "index"
    prediction, given, logs, jax_logs = _EXCLUSIVE_Q[last]
    target, y, sparse = ("Labels(y)", "y", "Sparse") if index else ("Probs(p)", "p", "")
    softmax = last == "softmax"
    keras = f"keras.losses.{sparse}CategoricalCrossentropy({'' if softmax else 'from_logits=True'})"
    if softmax:
        tensorflow = f"tf.keras.losses.{sparse}CategoricalCrossentropy()({y}, q)"
    elif index:
        tensorflow = f"tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits={given})"
    else:
        tensorflow = f"tf.nn.softmax_cross_entropy_with_logits(labels=p, logits={given})"
    # A softmax of log-probabilities gives the probabilities back, so they may stand for scores.
    name = "nll_loss" if softmax or last == "log-softmax" else "cross_entropy"
    module = "NLLLoss" if name == "nll_loss" else "CrossEntropyLoss"
    if not index:
        name, module = "cross_entropy", "CrossEntropyLoss"
    dense = {"softmax": "q", "log-softmax": "numpy.exp(l)"}.get(last, "scipy.special.softmax(z, 1)")
    hard = {"index": "y", "one-hot": "p.argmax(1)"}.get(labels)
    calls = Calls(
        f"plogq.cross_entropy({target}, {prediction})",
        keras,
        f"{sparse.lower()}{'_' if sparse else ''}categorical_crossentropy" if softmax else None,
        tensorflow,
        f"F.{name}({logs}, {y})",
        f"torch.nn.{module}()({logs}, {y})",
        f"optax.softmax_cross_entropy_with_integer_labels({jax_logs}, y)"
        if index
        else f"optax.softmax_cross_entropy({jax_logs}, p)",
        None if hard is None else f"log_loss({hard}, {dense}, labels=range(K))",
    )
    helpers = {
        "nothing": "sparse_softmax_cross_entropy" if index else "softmax_cross_entropy",
        "softmax": "sparse_categorical_cross_entropy" if index else "categorical_cross_entropy",
    }
    title = "sparse categorical" if index else "categorical"
    if last in ("nothing", "hidden"):
        title = "sparse softmax" if index else "softmax"
    return Answer(
        f"{title} cross-entropy",
        helpers.get(last, ""),
        calls,
        "z = h @ W.T + b, for the libraries that need the scores" if last == "hidden" else "",
        _CLASSES_LAYER[last],
        _classes_mistake(labels, last),
        _UNTRAINED[EXCLUSIVE],
    )


_CLASSES_LAYER = {
    "nothing": "Dense(K) with nothing after it is right: the loss takes the softmax itself, and "
    "scores (logits) keep the digits that a softmax rounds away",
    "softmax": "Dense(K) without the softmax, and the loss that takes scores, is better: in "
    "float32 the probability of a wrong class is exactly 0 where it is below 1e-45, and its log -∞",
    "log-softmax": "a log-softmax keeps the digits; Dense(K) alone, and the loss that takes "
    "scores, saves a step",
    "hidden": "leave the last layer out: hidden states and its weight are enough, and the scores "
    "of a large vocabulary are never in memory",
}


def _classes_mistake(labels: str, last: str) -> str:
    shapes = {
        "index": "one-hot rows where the loss takes indices, or labels that count from 1",
        "one-hot": "class indices where the loss takes one-hot rows",
        "probabilities": "the sparse loss, which takes one index and no probabilities",
    }[labels]
    twice = {
        "nothing": "a softmax at the end of the model and this loss after it",
        "softmax": "from_logits=True, or F.cross_entropy, on these probabilities",
        "log-softmax": "exp of it handed to a loss that takes scores",
        "hidden": "a softmax before this loss",
    }[last]
    return (
        f"{twice}: the softmax is taken twice, and with ten classes the loss stays above "
        f"{TWICE_SOFTMAX:.3f}; then {shapes}"
    )


def questions(outputs: str) -> tuple[Question, Question, Question]:
    """The three questions, once the first is answered."""
    return OUTPUTS, LAST_LAYER[outputs], LABELS[outputs]


def every() -> Iterator[tuple[str, str, str]]:
    """Every way to answer the three questions."""
    for first in OUTPUTS.options:
        for last in LAST_LAYER[first.name].options:
            for labels in LABELS[first.name].options:
                yield first.name, last.name, labels.name


def answer(outputs: str, last: str, labels: str) -> Answer:
    """Where three answers lead."""
    if outputs == EXCLUSIVE:
        return _classes(labels, last)
    return _binary(labels, last, outputs)


def shown_calls(found: Answer) -> Iterator[tuple[str, str]]:
    """Each library and its call; where it has none, the reason."""
    for field in fields(Calls):
        call = getattr(found.calls, field.name)
        if field.name == "keras_string":
            call = f'loss="{call}"' if call else "none: the strings take probabilities"
        elif call is None:
            call = "none: log_loss takes hard labels"
        yield LIBRARIES[field.name], call
        if field.name == "plogq" and found.helper:
            names = call.partition("cross_entropy(")[2]
            inside = [part.partition("(")[2][0] for part in names.split(", ")]
            yield "plogq, by name", f"plogq.{found.helper}({', '.join(inside)})"


def tree() -> dict[str, object]:
    """Questions and answers as plain data, for the page in the browser."""

    def question(q: Question) -> dict[str, object]:
        options = [{"name": o.name, "text": o.text, "example": o.example} for o in q.options]
        return {"name": q.name, "text": q.text, "options": options}

    found = {}
    for names in every():
        leads = answer(*names)
        found["/".join(names)] = {
            "name": leads.name,
            "calls": list(shown_calls(leads)),
            "before": leads.before,
            "last_layer": leads.last_layer,
            "mistake": leads.mistake,
            "untrained": leads.untrained,
        }
    return {
        "first": question(OUTPUTS),
        "last_layer": {name: question(q) for name, q in LAST_LAYER.items()},
        "labels": {name: question(q) for name, q in LABELS.items()},
        "answers": found,
    }
