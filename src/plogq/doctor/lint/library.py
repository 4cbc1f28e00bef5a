"""What names of libraries do when they are called, and what attributes of known things are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..contracts import CONTRACTS
from ..facts import Array, Made
from . import data, losses, models, transforms
from .builtin import same as passed_on
from .layers import LAYERS, chained
from .names import array_function, canonical
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
    Partial,
    Record,
    Ref,
    Slots,
    Terms,
    Tuple,
    Unknown,
    UserClass,
    Value,
    of_length,
)  # fmt: skip
from .verbs import VERBS, method

# Methods that give back what they were called on.
_SAME = frozenset(
    [
        "to",
        "cuda",
        "cpu",
        "train",
        "eval",
        "float",
        "half",
        "double",
        "bfloat16",
        "type",
        "requires_grad_",
        "xpu",
        "mps",
        "share_memory",
        "contiguous",
        "module",
        "compile_",
        "unwrap",
        "get_compiled",
    ]
)


def called(on: Any, f: Value, args: Args) -> Value:
    """What calling something that is no function of the program gives."""
    if isinstance(f, Ref):
        return _named(on, f.name, args)
    if isinstance(f, Loss):
        return losses.called(on, f, args)
    if isinstance(f, Chain):
        return chained(on, f, args)
    if isinstance(f, Model):
        return f.slots["output"]
    if isinstance(f, Instance):
        return _instance(on, f, args)
    if isinstance(f, Record):
        do = f.slots.get("__call__")
        if isinstance(do, Native):
            return do.call(on, args)
    return Unknown()


def _instance(on: Any, f: Instance, args: Args) -> Value:
    for name in ("__call__", "forward", "call"):
        found = f.cls.find(name)
        if isinstance(found, Function):
            return on.call_function(found, args, f)
    chain = f.slots.get("__chain__")
    if isinstance(chain, Chain):
        return chained(on, chain, args)
    if isinstance(chain, Loss):
        return losses.called(on, chain, args)
    return Unknown()


def _named(on: Any, written: str, args: Args) -> Value:
    """A call of a name of a library."""
    name = canonical(written)
    contract = CONTRACTS.get(name)
    if contract is not None:
        return losses.made(on, contract, args) if contract.module else losses.function(
            on, contract, args
        )  # fmt: skip
    if name in LAYERS:
        return LAYERS[name](on, args)
    known = _CALLS.get(name)
    if known is not None:
        return known(on, args)
    short = array_function(name)
    if short is not None and short in VERBS and not (short in data.MAKERS and _makes(name)):
        return VERBS[short](on, args)
    head, _, last = name.rpartition(".")
    if last in data.MAKERS and (head in data.MAKER_MODULES):
        return data.MAKERS[last](on, args)
    return models.called(on, name, args)


def _makes(name: str) -> bool:
    """Whether a name that is a verb too makes an array here: numpy.random.permutation."""
    return name.rpartition(".")[0].endswith("random")


# Calls by their name in full


def _partial(on: Any, args: Args) -> Value:
    if not args.pos:
        return Unknown()
    return Partial(args.pos[0], tuple(args.pos[1:]), dict(args.kw))


def _rng(on: Any, args: Args) -> Value:
    return Record("rng")


def _first(on: Any, args: Args) -> Value:
    return args.pos[0] if args.pos else Unknown()


_CALLS: dict[str, Callable[[Any, Args], Any]] = {
    "functools.partial": _partial,
    "jax.tree_util.Partial": _partial,
    "numpy.random.default_rng": _rng,
    "numpy.random.RandomState": _rng,
    "numpy.random.Generator": _rng,
    "torch.utils.data.DataLoader": data.loader,
    "torch_geometric.loader.DataLoader": data.loader,
    "torch.utils.data.TensorDataset": data.tensor_dataset,
    "torch.utils.data.random_split": lambda on, args: List((args.pos[0],) * 3)
    if args.pos else Unknown(),
    "torch.utils.data.Subset": _first,
    "torch.utils.data.dataset.TensorDataset": data.tensor_dataset,
    "tensorflow.data.Dataset.from_tensor_slices": data.slices,
    "tensorflow.data.Dataset.from_tensors": lambda on, args: Iter(_first(on, args)),
    "tensorflow.data.Dataset.zip": lambda on, args: Iter(
        Tuple(tuple(on.element(i, args.node) for i in on.items(args.pos[0]) or ()))
    ) if args.pos else Unknown(),
    "sklearn.model_selection.train_test_split": data.split,
    "torch.nn.utils.rnn.pad_sequence": data.padded,
    "keras.utils.pad_sequences": data.padded,
    "keras.preprocessing.sequence.pad_sequences": data.padded,
    "tqdm.tqdm": passed_on,
    "tqdm.auto.tqdm": passed_on,
    "tqdm.notebook.tqdm": passed_on,
    "tqdm.trange": lambda on, args: Iter(Unknown("i")),
    "rich.progress.track": passed_on,
    "copy.deepcopy": _first,
    "copy.copy": _first,
    "typing.cast": lambda on, args: args.get(1) or Unknown(),
    "collections.OrderedDict": lambda on, args: args.pos[0] if args.pos else Dict(args.kw),
    "collections.deque": lambda on, args: List(()),
    "itertools.chain": passed_on,
    "itertools.cycle": passed_on,
    "itertools.islice": passed_on,
    "types.SimpleNamespace": lambda on, args: Record("namespace", **args.kw),
    "argparse.Namespace": lambda on, args: Record("namespace", **args.kw),
    "torch.nn.functional.embedding": lambda on, args: Unknown(),
    **transforms.CALLS,
}  # fmt: skip


# Attributes


def attribute(on: Any, of: Value, name: str, node: Any) -> Value:
    """of.name for what is no name of a library and no object of the program's own attribute."""
    if isinstance(of, Array):
        return _of_array(on, of, name, node)
    if isinstance(of, Terms):
        verb = VERBS.get(name)
        if verb is None:
            return Unknown()
        return Native(lambda on, args: verb(on, Args([of, *args.pos], args.kw, args.node)), name)
    if isinstance(of, Loss):
        if name == "forward":
            return of
        return Native(lambda on, args: of, name) if name in _SAME else Unknown()
    if isinstance(of, Dict):
        return _of_dict(on, of, name)
    if isinstance(of, List):
        return _of_list(on, of, name)
    if isinstance(of, Iter):
        return data.iter_method(on, of, name)
    if isinstance(of, Const) and isinstance(of.value, str):
        return _of_text(of.value, name)
    if isinstance(of, Record):
        return _of_record(on, of, name)
    if isinstance(of, Model | Chain | Instance):
        found = models.attribute(on, of, name, node)
        if found is not None:
            return found
        if name in _SAME:
            return of if name == "module" else Native(lambda on, args: of, name)
        if name in of.slots and name not in ("output", "items"):
            return of.slots[name]
        if name == "forward" and isinstance(of, Chain | Model):
            return of
        return Unknown(name)
    if isinstance(of, Native):
        if name in _SAME:
            return Native(lambda on, args: of, name)
        if name in ("weight", "kernel", "bias"):
            return Array(Made.PARAMETER, name, on.place(node), kind="float")
        return Unknown(name)
    if isinstance(of, Function | Method | Partial):
        if name in ("lower", "trace"):
            return Unknown()
        return Unknown(name)
    if isinstance(of, Unknown):
        return _of_unknown(on, of, name, node)
    return Unknown(name)


def _of_unknown(on: Any, of: Unknown, name: str, node: Any) -> Value:
    """An attribute of what is not known: the same one each time, so lengths can be compared."""
    if name in ("item", "backward", "step", "zero_grad"):
        return Unknown()
    return Unknown(tag=f"{of.tag}.{name}")


def _of_array(on: Any, of: Array, name: str, node: Any) -> Value:
    if name == "shape":
        if of.shape is None:
            return Unknown("shape")
        return Tuple(tuple(of_length(n) for n in of.shape))
    if name == "ndim":
        return Unknown() if of.rank is None else Const(of.rank)
    if name in ("T", "mT", "H", "mH"):
        return VERBS["T"](on, Args([of], {}, node))
    if name in ("data", "values", "real", "value", "array"):
        return of
    if name == "at":
        return Unknown()
    if name == "dtype":
        return Unknown() if of.kind is None else Ref(f"numpy.{of.kind}")
    found = method(of, name)
    if found is not None:
        return found
    if name in ("new_tensor",):
        return Ref("torch.tensor")
    if of.made is Made.DATA and of.shape is None:
        if name in ("items", "keys", "get", "pop"):
            return Native(lambda on, args: of, name)
        return of  # a field of a batch
    return Unknown(name)


def _of_dict(on: Any, of: Dict, name: str) -> Value:
    if name == "items":
        rows = tuple(Tuple((Const(k), v)) for k, v in of.slots.items())
        return Native(lambda on, args: Iter(Unknown()) if of.open else List(rows), name)
    if name == "values":
        return Native(
            lambda on, args: Unknown() if of.open else List(tuple(of.slots.values())), name
        )
    if name == "keys":
        return Native(lambda on, args: Unknown() if of.open else List(
            tuple(Const(k) for k in of.slots)), name)  # fmt: skip
    if name in ("get", "pop", "setdefault"):

        def get(on: Any, args: Args) -> Value:
            key = args.get(0)
            if isinstance(key, Const):
                found = of.slots.get(key.value)
                if found is not None:
                    return found
                return Unknown(str(key.value)) if of.open else args.get(1) or NONE
            return on.item(of, key or Unknown(), args.node)

        return Native(get, name)
    if name == "update":

        def update(on: Any, args: Args) -> Value:
            other = args.get(0)
            if isinstance(other, Dict):
                for k, v in other.slots.items():
                    on.write(of, k, v)
                of.open |= other.open
            elif other is not None:
                of.open = True
            for k, v in args.kw.items():
                on.write(of, k, v)
            return NONE

        return Native(update, name)
    if name == "copy":
        return Native(lambda on, args: Dict(of.slots, of.open), name)
    return of.slots.get(name) or Unknown(name)


def _of_list(on: Any, of: List, name: str) -> Value:
    def changed(items: Any) -> Value:
        on.write(of, "items", items)
        return NONE

    def append(on: Any, args: Args) -> Value:
        item = args.get(0) or Unknown()
        return changed(None if of.items is None or len(of.items) > 256 else (*of.items, item))

    def extend(on: Any, args: Args) -> Value:
        other = args.get(0)
        if isinstance(other, Iter):
            more: Any = (other.item,)
        else:
            more = on.items(other) if other is not None else None
        return changed(None if of.items is None or more is None else (*of.items, *more))

    def insert(on: Any, args: Args) -> Value:
        at = args.constant(0)
        if of.items is None or not isinstance(at, int):
            return changed(None)
        items = list(of.items)
        items.insert(at, args.get(1) or Unknown())
        return changed(tuple(items))

    def pop(on: Any, args: Args) -> Value:
        at = args.constant(0, default=-1)
        if not of.items or not isinstance(at, int) or not -len(of.items) <= at < len(of.items):
            return Unknown()
        items = list(of.items)
        gone = items.pop(at)
        changed(tuple(items))
        return gone

    do = {"append": append, "add": append, "extend": extend, "insert": insert, "pop": pop}.get(name)
    if do is not None:
        return Native(do, name)
    return Native(lambda on, args: of, name) if name in _SAME else Unknown(name)


def _of_text(text: str, name: str) -> Value:
    if name in ("lower", "upper", "strip", "title", "capitalize"):
        return Native(lambda on, args: Const(getattr(text, name)()), name)
    if name in ("startswith", "endswith"):

        def tested(on: Any, args: Args) -> Value:
            given = args.constant(0)
            return Const(getattr(text, name)(given)) if isinstance(given, str) else Unknown()

        return Native(tested, name)
    return Unknown(name)


def _of_record(on: Any, of: Record, name: str) -> Value:
    found = of.slots.get(name)
    if found is not None:
        return found
    if of.name == "rng":
        if name in data.MAKERS:
            return Native(data.MAKERS[name], name)
        return Unknown(name)
    return models.of_record(on, of, name)


# Classes of the program that come from a library's


def chain_of(cls: UserClass, args: Args) -> Value | None:
    """What a class without a constructor of its own inherits: the layers of an nn.Sequential."""
    roots = {canonical(r) for r in cls.roots()}
    if roots & {"torch.nn.Sequential", "keras.Sequential"} and args.pos:
        return Chain(tuple(args.pos), keras="keras.Sequential" in roots)
    return None


def made_class(on: Any, cls: UserClass, args: Args) -> Value | None:
    """An object of a class that is something else to us; None: an ordinary one."""
    for root in cls.roots():
        contract = CONTRACTS.get(canonical(root))
        overrides = any(
            cls.find(n) is not None for n in ("forward", "call", "__init__", "__call__")
        )
        if contract is not None and contract.module and not overrides:
            return losses.made(on, contract, args)
    return None


def base_method(on: Any, cls: UserClass, receiver: Value, name: str) -> Value:
    """super().name of a class of a library."""
    roots = {canonical(r) for r in cls.roots()}
    if name == "__init__":

        def init(on: Any, args: Args) -> Value:
            if not isinstance(receiver, Slots):
                return NONE
            if roots & {"torch.nn.Sequential", "keras.Sequential"}:
                made = LAYERS["torch.nn.Sequential"](on, args)
                if isinstance(made, Chain):
                    on.write(receiver, "__chain__", made)
            for root in roots:
                contract = CONTRACTS.get(root)
                if contract is not None and contract.module:
                    on.write(receiver, "__chain__", losses.made(on, contract, args))
            return NONE

        return Native(init, name)
    if name in ("forward", "call", "__call__") and isinstance(receiver, Instance):
        chain = receiver.slots.get("__chain__")
        if isinstance(chain, Chain | Loss):
            return chain
    if name in ("train", "eval", "build"):
        return Native(lambda on, args: receiver, name)
    return Unknown(name)


def replaced_head(on: Any, model: Model, head: Value) -> Value:
    """The output of a library's model whose head was replaced."""
    if isinstance(head, List | Tuple | Dict | Unknown):
        return Unknown()
    node = head.facts["node"] if isinstance(head, Native) and "node" in head.facts else None
    from .interpreter import _NOWHERE  # pyright: ignore[reportPrivateUsage]

    features = Array(shape=(None, None), kind="float", batched=True)
    return on.call(head, Args([features], {}, node or _NOWHERE))
