"""Models: Keras' compile and fit, those that libraries bring, classifiers of scikit-learn."""

from __future__ import annotations

import re
from typing import Any

from ..facts import Array, Made
from . import data, losses
from .names import canonical
from .values import (
    NONE,
    Args,
    Chain,
    Const,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Loss,
    Method,
    Model,
    Native,
    Record,
    Slots,
    Tuple,
    Unknown,
    UserClass,
    Value,
    length_of,
)  # fmt: skip

_CLASSIFIER = re.compile(
    r"(Classifier|LogisticRegression(CV)?|SVC|NB|DiscriminantAnalysis|Pipeline|make_pipeline|"
    r"SearchCV|LabelPropagation|LabelSpreading)$"
)
_HF = re.compile(r"^(TF|Flax)?[A-Z]\w*?(For\w+|LMHeadModel|DoubleHeadsModel)$")
_HF_SAME = ("to", "cuda", "train", "eval", "half", "float", "cpu", "bfloat16")
_TORCHVISION_HEADS = ("fc", "classifier", "head", "heads")


def called(on: Any, name: str, args: Args) -> Value:
    """A call of a library's name that is no layer, no loss and no verb."""
    head, _, last = name.rpartition(".")
    top = name.partition(".")[0]
    if name in ("keras.Model", "keras.models.Model", "keras.engine.training.Model"):
        output = args.get(1, "outputs", "output")
        return Unknown() if output is None else Model(output)
    if head.startswith("keras.applications") or (top == "keras" and "applications" in head):
        return _application(on, args)
    if top == "keras":
        return _keras(on, name, last, args)
    if top == "sklearn":
        return _sklearn(on, name, last, args)
    if top in ("xgboost", "lightgbm", "catboost") and last.endswith("Classifier"):
        return classifier(on, args)
    if top == "torchvision" and head.startswith("torchvision.models"):
        return _torchvision(on, head, last, args)
    if top == "timm" and last == "create_model":
        return _timm(on, args)
    if top == "transformers":
        return _transformers(on, name, args)
    if name in ("pandas.get_dummies",):
        return Array(Made.ONE_HOT, on.module.text(args.node), on.place(args.node), -1, kind="float")
    if last == "prepare":
        return args.pos[0] if len(args.pos) == 1 else Tuple(tuple(args.pos))
    if last in ("Accelerator", "Fabric"):
        return Record("accelerator")
    if last == "Trainer" and top == "lightning":
        return Record("trainer")
    if name == "tensorflow.constant_initializer":
        return Unknown()
    return Unknown()


# Keras


def _application(on: Any, args: Args) -> Value:
    top = args.constant(None, "include_top", default=args.constant(0, default=True))
    act = args.constant(None, "classifier_activation", default="softmax")
    k = args.constant(None, "classes", default=1000)
    text, place = on.module.text(args.node), on.place(args.node)
    if top is not True or args.open:
        return Model(Array(kind="float", batched=True))
    made = {"softmax": Made.SOFTMAX, None: Made.SCORES, "sigmoid": Made.SIGMOID}.get(act)
    if made is None:
        return Unknown()
    width = k if isinstance(k, int) else None
    return Model(Array(made, text, place, -1, width, shape=(None, width), kind="float",
                       batched=True))  # fmt: skip


def _keras(on: Any, name: str, last: str, args: Args) -> Value:
    if last == "load_data":
        return data.keras_data(on, name.split(".")[-2], args)
    if name in ("keras.metrics.BinaryAccuracy", "keras.metrics.Precision", "keras.metrics.Recall"):
        at = 2 if last == "BinaryAccuracy" else 0
        threshold = args.constant(at, "threshold", "thresholds", default=0.5)
        if threshold in (0.5, None):
            return Record("threshold metric")
        return Unknown()
    if last == "clone_model":
        return args.pos[0] if args.pos else Unknown()
    if last == "Concatenate" or last == "concatenate":
        return Native(lambda on, given: Array(kind="float"), last)
    if name == "keras.losses.get":
        found = losses.keras_loss(on, args.get(0) or NONE, args.node)
        return found or Unknown()
    return Unknown()


def attribute(on: Any, of: Value, name: str, node: Any) -> Value | None:
    """Methods of models: Keras' compile and fit, torch's and flax' apply."""
    keras = _is_keras(of)
    if keras or isinstance(of, Model):
        if name == "compile":

            def compiled(on: Any, args: Args) -> Value:
                found = losses.keras_compile(on, output_of(on, of, args), args)
                on.write(of, "compiled", found or NONE)
                return NONE

            return Native(compiled, name)
        if name in ("fit", "train_on_batch", "evaluate", "test_on_batch"):

            def fitted(on: Any, args: Args) -> Value:
                kept = of.slots.get("compiled") if isinstance(of, Slots) else None
                if isinstance(kept, Record):
                    losses.keras_fit(on, kept, args)
                _own_step(on, of, args)
                return Unknown("history")

            return Native(fitted, name)
        if name in ("predict", "predict_on_batch", "__call__"):
            return Native(lambda on, args: on.call(of, Args(args.pos[:1], {}, args.node)), name)
        if name in ("output", "outputs") and isinstance(of, Chain | Model):
            return output_of(on, of, Args([], {}, node))
        if name in ("input", "inputs"):
            return Array(Made.DATA, name, on.place(node), batched=True)
    if isinstance(of, Chain):
        if name in ("add", "append"):

            def add(on: Any, args: Args) -> Value:
                items = of.slots["items"]
                on.write(of, "items", None if items is None else (*items, args.get(0) or Unknown()))
                return of

            return Native(add, name)
        if name in ("add_module", "register_module", "extend", "insert", "pop"):

            def more(on: Any, args: Args) -> Value:
                items = of.slots["items"]
                if name in ("add_module", "register_module") and items is not None:
                    on.write(of, "items", (*items, args.get(1) or Unknown()))
                elif name == "pop" and items:
                    on.write(of, "items", items[:-1])
                else:
                    on.write(of, "items", None)
                return of

            return Native(more, name)
        if name == "layers":
            items = of.slots["items"]
            return Unknown() if items is None else List(items)
    if name == "apply" and isinstance(of, Chain | Instance) and not _is_torch(of):

        def apply(on: Any, args: Args) -> Value:
            which = args.get(None, "method")
            kw = {k: v for k, v in args.kw.items() if k not in ("rngs", "mutable", "method")}
            if isinstance(which, Const) and isinstance(which.value, str):
                f = on.get_attribute(of, which.value, args.node)
            else:
                f = of
            out = on.call(f, Args(args.pos[1:], kw, args.node, args.open))
            return Tuple((out, Unknown())) if _mutable(args) else out

        return Native(apply, name)
    if name == "apply" and isinstance(of, Instance):
        return Native(lambda on, args: of, name)
    return None


def _mutable(args: Args) -> bool:
    given = args.get(None, "mutable")
    return given is not None and not (isinstance(given, Const) and given.value is False)


def _is_torch(of: Value) -> bool:
    if isinstance(of, Instance):
        return any(
            r.startswith(("torch.", "lightning", "pytorch_lightning")) for r in of.cls.roots()
        )
    return False


def _is_keras(of: Value) -> bool:
    if isinstance(of, Chain):
        return of.keras
    if isinstance(of, Instance):
        return any(canonical(r).startswith("keras.") for r in of.cls.roots())
    return isinstance(of, Model)


def output_of(on: Any, of: Value, args: Args) -> Value:
    """What a model puts out, for data that is not known."""
    if isinstance(of, Model):
        return of.slots["output"]
    x = Array(Made.DATA, "data", None, batched=True)
    return on.call(of, Args([x], {}, args.node))


def _own_step(on: Any, of: Value, args: Args) -> None:
    """A train_step of its own, with the data that fit was given."""
    if not isinstance(of, Instance):
        return
    step = of.cls.find("train_step")
    if not isinstance(step, Function):
        return
    x, y = args.get(0, "x"), args.get(1, "y")
    if x is None:
        return
    item = data.batched(data.one(Tuple((x, y)))) if y is not None else getattr(x, "item", None)
    if item is not None:
        on.call_function(step, Args([item], {}, args.node), of)


# scikit-learn


def _sklearn(on: Any, name: str, last: str, args: Args) -> Value:
    if name.startswith("sklearn.datasets"):
        found = data.sklearn_data(on, last, args)
        return Unknown() if found is None else found
    if _CLASSIFIER.search(last):
        return classifier(on, args)
    encoders = {"LabelEncoder": Made.LABELS, "OneHotEncoder": Made.ONE_HOT,
                "LabelBinarizer": Made.ONE_HOT, "MultiLabelBinarizer": Made.MULTI_HOT}  # fmt: skip
    if last in encoders:
        return encoder(encoders[last])
    if last in ("StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler"):
        return Record("scaler")
    if name == "sklearn.preprocessing.label_binarize":
        return Array(Made.ONE_HOT, on.module.text(args.node), on.place(args.node), -1, kind="int",
                     low=0, high=1)  # fmt: skip
    if name == "sklearn.utils.class_weight.compute_class_weight":
        return Array(kind="float", shape=(None,), rising=False)
    return Unknown()


def encoder(made: Made) -> Record:
    """What turns labels into labels or rows."""

    def transform(on: Any, args: Args) -> Value:
        y = args.get(0)
        of = y if isinstance(y, Array) else None
        rows = made is not Made.LABELS
        shape = None if of is None or of.shape is None else of.shape[:1]
        return Array(made, on.module.text(args.node), on.place(args.node), -1 if rows else None,
                     shape=(*shape, None) if rows and shape else shape,
                     kind="float" if rows else "int", low=0, high=1 if rows else
                     of.high if of else None)  # fmt: skip

    return Record("encoder", transform=Native(transform), fit_transform=Native(transform))


def classifier(on: Any, args: Args) -> Record:
    """A classifier of scikit-learn's manner."""
    made = Record("classifier")

    def gives(kind: Made, axis: int | None, number: str) -> Native:
        def call(on: Any, args: Args) -> Value:
            x = args.get(0, "X")
            n = x.shape[0] if isinstance(x, Array) and x.shape else None
            return Array(kind, on.module.text(args.node), on.place(args.node), axis,
                         shape=(n,) if axis is None else (n, None), kind=number,
                         batched=True)  # fmt: skip

        return Native(call)

    made.slots.update(
        predict=gives(Made.HARD, None, "int"),
        predict_proba=gives(Made.PROBABILITIES, 1, "float"),
        predict_log_proba=gives(Made.LOG_SOFTMAX, 1, "float"),
        decision_function=gives(Made.SCORES, None, "float"),
        fit=Native(lambda on, args: made),
        set_params=Native(lambda on, args: made),
    )
    return made


def of_record(on: Any, of: Record, name: str) -> Value:
    """A method of an object of a library."""
    if of.name == "scaler" and name in ("transform", "fit_transform"):
        return Native(_scaled, name)
    if of.name in ("scaler", "encoder") and name == "fit":
        return Native(lambda on, args: of, name)
    if of.name == "state" and name in ("replace", "apply_gradients"):
        return Native(lambda on, args: of, name)
    if of.name == "accelerator" and name.startswith(("prepare", "setup")):
        return Native(lambda on, args: args.pos[0] if len(args.pos) == 1 else
                      Tuple(tuple(args.pos)), name)  # fmt: skip
    if of.name == "trainer" and name in ("fit", "validate", "test"):
        return Native(_lightning_fit, name)
    if of.name == "threshold metric" and name in ("__call__", "update_state"):
        return Native(_metric_call, name)
    if of.name == "hf model" and name in _HF_SAME:
        return Native(lambda on, args: of, name)
    if of.name == "bunch":
        return Unknown(name)
    return Unknown(name)


def _scaled(on: Any, args: Args) -> Value:
    x = args.get(0)
    if isinstance(x, Array):
        return x.but(low=None, high=None, kind="float")
    return Unknown()


def _metric_call(on: Any, args: Args) -> Value:
    from ..facts import Cut

    q = args.get(1, "y_pred")
    if isinstance(q, Array) and q.made is Made.SCORES:
        on.cuts.append(Cut(on.place(args.node), q, 0.5, on.module.text(args.node)))
    return Unknown()


def _lightning_fit(on: Any, args: Args) -> Value:
    model = args.get(0, "model")
    loader = args.get(1, "train_dataloaders", "train_dataloader", "dataloaders")
    if isinstance(model, Instance) and isinstance(loader, Iter):
        step = model.cls.find("training_step")
        if isinstance(step, Function):
            on.call_function(step, Args([loader.item, Unknown("batch_idx")], {}, args.node), model)
    return NONE


# Models of PyTorch's libraries


def _scores(on: Any, args: Args, width: Any, rank: int = 2, by: str = "") -> Array:
    shape = (*(None,) * (rank - 1), width)
    return Array(Made.SCORES, by or on.module.text(args.node), on.place(args.node), -1, width,
                 shape=shape, kind="float", batched=True)  # fmt: skip


def _torchvision(on: Any, head: str, last: str, args: Args) -> Value:
    if "detection" in head or not last[:1].islower():
        return Unknown()
    if "segmentation" in head:
        k = args.constant(None, "num_classes", default=21)
        width = k if isinstance(k, int) else None
        out = Array(Made.SCORES, on.module.text(args.node), on.place(args.node), 1, width,
                    shape=(None, width, None, None), kind="float", batched=True)  # fmt: skip
        return Model(Dict({"out": out, "aux": out}))
    if last == "get_model" or last.startswith(("list_", "get_")):
        return Unknown()
    k = args.constant(None, "num_classes", default=1000)
    return Model(_scores(on, args, k if isinstance(k, int) else None), _TORCHVISION_HEADS)


def _timm(on: Any, args: Args) -> Value:
    k = args.constant(None, "num_classes", default=1000)
    if k == 0 or args.constant(None, "features_only", default=False) is not False:
        return Unknown()
    return Model(_scores(on, args, k if isinstance(k, int) else None), _TORCHVISION_HEADS)


def _transformers(on: Any, name: str, args: Args) -> Value:
    parts = name.split(".")
    cls = next((p for p in parts[1:] if _HF.match(p)), None)
    if cls is None:
        return Unknown()
    if parts[-1] not in ("from_pretrained", "from_config", cls):
        return Unknown()
    k = args.get(None, "num_labels")
    width = length_of(k) if k is not None else None
    rank = 2 if "SequenceClassification" in cls or "ImageClassification" in cls or (
        "MultipleChoice" in cls) else 3 if "Token" in cls or "LM" in cls or (
        "Generation" in cls) else 0  # fmt: skip
    text = cls

    def call(on: Any, given: Args) -> Value:
        place = on.place(given.node)
        shape = None if rank == 0 else (*(None,) * (rank - 1), width)
        if "QuestionAnswering" in text:
            one = Array(Made.SCORES, f"{text}(…).start_logits", place, kind="float", batched=True)
            return Record("hf output", start_logits=one, end_logits=one, loss=Unknown())
        logits = Array(Made.SCORES, f"{text}(…).logits", place, -1, width, shape=shape,
                       kind="float", batched=True)  # fmt: skip
        first: Value = Unknown() if "labels" in given.kw or given.open else logits
        return Record("hf output", logits=logits, loss=Unknown(), items=Tuple((first,)))

    return Record("hf model", __call__=Native(call, cls))


__all__ = ["Loss", "Method", "UserClass", "attribute", "called"]
