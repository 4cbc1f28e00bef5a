"""Three questions, and the call that their answers lead to in plogq and in its peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcomes = Literal["exclusive", "independent"]
Prediction = Literal["scores", "probabilities", "log-probabilities", "hidden"]
Target = Literal["hard", "soft"]


@dataclass(frozen=True, slots=True)
class Question:
    """One of the three questions, its answers and what each of them means."""

    name: str
    text: str
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Calls:
    """The same cross-entropy in each library, for y or p (true), z, q, l or h (predicted)."""

    plogq: str
    keras: str
    tensorflow: str
    pytorch: str
    optax: str


@dataclass(frozen=True, slots=True)
class Helper:
    """One row of the decision table: the name that the field gives to a pair."""

    name: str
    outcomes: str
    prediction: str
    target: str
    plogq: str


QUESTIONS = (
    Question(
        "outcomes",
        "Can more than one outcome be true at once?",
        (
            ("exclusive", "no: exactly one of K classes is true (one softmax)"),
            ("independent", "yes: each outcome is a yes or no of its own (a sigmoid each)"),
        ),
    ),
    Question(
        "prediction",
        "What does the model put out?",
        (
            ("scores", "scores (logits): any numbers, before a softmax or sigmoid"),
            ("probabilities", "probabilities: in [0, 1], after a softmax or sigmoid"),
            ("log-probabilities", "log-probabilities: at most 0, after a log-softmax"),
            ("hidden", "hidden states h; the scores are h · W + b and are not computed yet"),
        ),
    ),
    Question(
        "target",
        "What is known to be true?",
        (
            ("hard", "hard: which class it is, or yes or no"),
            ("soft", "soft: a probability for each"),
        ),
    ),
)

TABLE = (
    Helper(
        "binary CE", "2, independent", "probability", "any",
        "cross_entropy(BinaryProbs(y), BinaryProbs(q))",
    ),
    Helper(
        "categorical CE", "K > 2", "probability", "soft", "cross_entropy(Probs(p), Probs(q))"
    ),
    Helper(
        "sparse categorical CE", "K > 2", "probability", "hard",
        "cross_entropy(Labels(y), Probs(q))",
    ),
    Helper(
        "sigmoid CE with logits", "2, independent", "score", "any",
        "cross_entropy(BinaryProbs(y), BinaryLogits(z))",
    ),
    Helper(
        "softmax CE with logits", "K > 2", "score", "soft", "cross_entropy(Probs(p), Logits(z))"
    ),
    Helper(
        "sparse softmax CE with logits", "K > 2", "score", "hard",
        "cross_entropy(Labels(y), Logits(z))",
    ),
)  # fmt: skip

REDUCTIONS = (
    "What each returns by default: plogq, Keras and PyTorch a mean, TensorFlow and optax one loss "
    "for each event."
)


def _softmax(prediction: str, keras: str, tensorflow: str, pytorch: str, optax: str,
             keras_args: str = "from_logits=True") -> tuple[Calls, Calls]:  # fmt: skip
    """Exclusive classes, hard and soft, from how each library writes the prediction."""
    losses, nn = "keras.losses", "tf.nn"
    hard = Calls(
        f"cross_entropy(Labels(y), {prediction})",
        f"{losses}.SparseCategoricalCrossentropy({keras_args})(y, {keras})",
        f"{nn}.sparse_softmax_cross_entropy_with_logits(labels=y, logits={tensorflow})",
        f"F.cross_entropy({pytorch}, y)",
        f"optax.softmax_cross_entropy_with_integer_labels({optax}, y)",
    )
    soft = Calls(
        f"cross_entropy(Probs(p), {prediction})",
        f"{losses}.CategoricalCrossentropy({keras_args})(p, {keras})",
        f"{nn}.softmax_cross_entropy_with_logits(labels=p, logits={tensorflow})",
        f"F.cross_entropy({pytorch}, p)",
        f"optax.softmax_cross_entropy({optax}, p)",
    )
    return hard, soft


def _sigmoid(prediction: str, keras: str, tensorflow: str, pytorch: str, optax: str) -> Calls:
    """Independent outcomes from scores: y holds 0, 1 or what lies between."""
    return Calls(
        f"cross_entropy(BinaryProbs(y), {prediction})",
        f"keras.losses.BinaryCrossentropy(from_logits=True)(y, {keras})",
        f"tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits={tensorflow})",
        f"F.binary_cross_entropy_with_logits({pytorch}, y)",
        f"optax.sigmoid_binary_cross_entropy({optax}, y)",
    )


def _decisions() -> dict[tuple[Outcomes, Prediction, Target], Calls]:
    linear = "h @ W.T + b"
    # A softmax of log-probabilities gives the probabilities back, so they may stand for scores.
    exclusive: dict[Prediction, tuple[Calls, Calls]] = {
        "scores": _softmax("Logits(z)", "z", "z", "z", "z"),
        "probabilities": _softmax("Probs(q)", "q", "tf.math.log(q)", "q.log()", "jnp.log(q)", ""),
        "log-probabilities": _softmax("LogProbs(l)", "l", "l", "l", "l"),
        "hidden": _softmax(
            "LinearLogits(h, W, b)", linear, "tf.matmul(h, W, transpose_b=True) + b",
            "F.linear(h, W, b)", linear,
        ),
    }  # fmt: skip
    independent: dict[Prediction, Calls] = {
        "scores": _sigmoid("BinaryLogits(z)", "z", "z", "z", "z"),
        "probabilities": Calls(
            "cross_entropy(BinaryProbs(y), BinaryProbs(q))",
            "keras.losses.BinaryCrossentropy()(y, q)",
            "tf.keras.losses.BinaryCrossentropy()(y, q)",
            "F.binary_cross_entropy(q, y)",
            "optax.sigmoid_binary_cross_entropy(jax.scipy.special.logit(q), y)",
        ),
        # log q of yes alone: its score is log q - log(1 - q), with 1 - q = -expm1(l).
        "log-probabilities": _sigmoid(
            "BinaryLogits(l - np.log(-np.expm1(l)))", "l - keras.ops.log(-keras.ops.expm1(l))",
            "l - tf.math.log(-tf.math.expm1(l))", "l - torch.log(-torch.expm1(l))",
            "l - jnp.log(-jnp.expm1(l))",
        ),
        "hidden": _sigmoid(
            "BinaryLogits(h @ W.T + b)", linear, "tf.matmul(h, W, transpose_b=True) + b",
            "F.linear(h, W, b)", linear,
        ),
    }  # fmt: skip
    table: dict[tuple[Outcomes, Prediction, Target], Calls] = {}
    for prediction, (hard, soft) in exclusive.items():
        table["exclusive", prediction, "hard"] = hard
        table["exclusive", prediction, "soft"] = soft
    for prediction, calls in independent.items():
        table["independent", prediction, "hard"] = calls
        table["independent", prediction, "soft"] = calls
    return table


DECISIONS = _decisions()
