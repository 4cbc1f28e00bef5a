"""torch's own published cases, from the installed wheel, with plogq's losses in place of torch's.

The wheel carries module inputs with references, operator samples, and inputs that must raise.
Every one passes: a case that does not would stand here by name, and on the docs page with a reason.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import plogq.compat.torch as compat

from ..together import for_each

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal import common_nn
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

MODULES = [n for n in compat.__all__ if n.endswith("Loss")]
FUNCTIONS = [n for n in compat.__all__ if not n.endswith("Loss")]
MODULE_INFOS = {m.module_cls.__name__: m for m in module_db if m.module_cls.__name__ in MODULES}
OPS = {
    f"{op.name.removeprefix('nn.functional.')} {op.variant_test_name}".strip(): op
    for op in op_db
    if op.name.removeprefix("nn.functional.") in FUNCTIONS and op.name.startswith("nn.functional.")
}


def cases(tables: dict[str, Any]) -> Any:
    """Every table with every dtype that torch publishes it for."""
    pairs = [(name, dtype) for name in sorted(tables) for dtype in tables[name].dtypes]
    pairs = [(n, d) for n, d in pairs if d.is_floating_point]
    pairs.sort(key=str)
    return pytest.mark.parametrize(("name", "dtype"), pairs, ids=str)


# torch warns of its own mean of kl_div, and of chunks that it cannot cut.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides"),
    pytest.mark.filterwarnings("ignore:linear_cross_entropy. ``options`` ignored"),
    # One of torch's patterns for its messages.
    pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning"),
]


def test_the_wheel_has_cases_for_everything() -> None:
    assert set(MODULE_INFOS) == set(MODULES)
    assert {name.partition(" ")[0] for name in OPS} == set(FUNCTIONS)
    assert "LinearCrossEntropyLoss" in MODULES
    assert set(compat.__all__) == {*MODULES, *FUNCTIONS}
    for name in MODULES:
        assert issubclass(getattr(compat, name), getattr(torch.nn, name))


def leaves(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in arguments of a call."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for x in value.values():
            yield from leaves(x)
    elif isinstance(value, list | tuple):
        for x in value:
            yield from leaves(x)


def with_gradients(f: Any, inputs: list[torch.Tensor], dtype: torch.dtype) -> Any:
    """What f returns, and the gradients of the inputs that have one, for numbers of this dtype."""
    out = f()
    wanted = [x for x in inputs if x.requires_grad]
    if not wanted or not out.requires_grad:
        return out, []
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    return out, list(torch.autograd.grad(out, wanted, upstream.to(out.dtype)))


def same(ours: Any, theirs: Any, exact: Any) -> None:
    """Values, gradients and dtypes, with torch's own tolerances for the dtype.

    In half precision torch rounds after every step, so that ours may be right where torch's is
    not: there what torch makes of the same numbers in float64 is right too, and the tolerance is
    that of the greatest element, since sums that cancel have none of their own.
    """
    if ours[0].dtype.itemsize > 2:
        torch.testing.assert_close(ours, theirs, equal_nan=True)
        return
    assert [x.dtype for x in leaves(ours)] == [x.dtype for x in leaves(theirs)]
    if not all(near(x, y) for x, y in zip(leaves(ours), leaves(theirs), strict=True)):
        for x, y in zip(leaves(ours), leaves(exact()), strict=True):
            assert near(x, y), f"{x} is not {y}"


def near(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    # Twice what torch.testing has for float16: two roundings, and not one.
    relative = {torch.bfloat16: 1.6e-2, torch.float16: 2e-3}[ours.dtype]
    greatest = theirs.detach().double().nan_to_num(0.0).abs().max() if theirs.numel() else 0.0
    return torch.allclose(
        ours.double(), theirs.double(), relative, relative * float(greatest), equal_nan=True
    )


def widened(value: Any) -> Any:
    """The same arguments in float64, with gradients where there were some."""
    if isinstance(value, torch.Tensor):
        x = value.detach().double() if value.is_floating_point() else value.detach()
        return x.requires_grad_() if value.requires_grad else x
    if isinstance(value, dict):
        return {name: widened(x) for name, x in value.items()}
    return type(value)(map(widened, value)) if isinstance(value, list | tuple) else value


def failures(named: Any) -> list[str]:
    """The names of the cases that raise, with what they raise."""
    failed, count = [], 0
    for name, case in named:
        count += 1
        try:
            case()
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")
    assert count > 0
    return failed


# Of hundreds of cases each runs in one wide and in one narrow dtype: these take the odd ones.
ODD = (torch.float64, torch.bfloat16)


@pytest.mark.slow
@cases(MODULE_INFOS)
def test_module_inputs(name: str, dtype: torch.dtype) -> None:
    """torch's module and its reference function, and gradients of inputs and parameters."""
    info = MODULE_INFOS[name]
    torch.manual_seed(0)
    inputs = info.module_inputs_func(
        info, device="cpu", dtype=dtype, requires_grad=True, training=True
    )
    if len(inputs) > 200:
        inputs = inputs[dtype in ODD :: 2]

    def case(module_input: Any) -> None:
        made, given = module_input.constructor_input, module_input.forward_input
        theirs = getattr(torch.nn, name)(*made.args, **made.kwargs)
        ours = getattr(compat, name)(*made.args, **made.kwargs)
        ours.load_state_dict(theirs.state_dict())
        assert repr(ours) == repr(theirs)

        def run(m: Any, args: Any) -> Any:
            return with_gradients(lambda: m(*args), [*leaves(args), *m.parameters()], dtype)

        found = run(ours, given.args)
        same(
            found,
            run(theirs, given.args),
            lambda: run(deepcopy(theirs).double(), widened(given.args)),
        )
        assert not given.kwargs
        if module_input.reference_fn is not None and dtype.itemsize > 2:
            detached = [x.detach() for x in given.args]
            expected = module_input.reference_fn(ours, *detached)
            torch.testing.assert_close(found[0], expected, equal_nan=True)

    named = ((f"{i} {x.desc}", lambda x=x: case(x)) for i, x in enumerate(inputs))
    assert failures(named) == []


@for_each("name", [n for n in MODULES if MODULE_INFOS[n].module_error_inputs_func])
@for_each("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_module_error_inputs(name: str, dtype: torch.dtype) -> None:
    info = MODULE_INFOS[name]
    errors = info.module_error_inputs_func(
        info, device="cpu", dtype=dtype, requires_grad=False, training=True
    )
    assert errors
    for error in errors:
        case = error.module_error_input
        made, given = case.constructor_input, case.forward_input
        make = partial(getattr(compat, name), *made.args, **made.kwargs)
        fails = make
        if error.error_on is ModuleErrorEnum.FORWARD_ERROR:
            fails = partial(make(), *given.args, **given.kwargs)
        with pytest.raises(error.error_type, match=error.error_regex):
            fails()


@pytest.mark.slow
@cases(OPS)
def test_operator_samples(name: str, dtype: torch.dtype) -> None:
    """Every sample, values and gradients, against torch's own function."""
    op = OPS[name]
    ours, theirs = (getattr(x, name.partition(" ")[0]) for x in (compat, F))
    assert op.reference_inputs_func is None  # there are no samples besides these
    torch.manual_seed(0)

    def case(sample: Any) -> None:
        def run(f: Any, args: Any, kwargs: Any) -> Any:
            return with_gradients(lambda: f(*args, **kwargs), list(leaves([args, kwargs])), dtype)

        given = ((sample.input, *sample.args), sample.kwargs)
        same(run(ours, *given), run(theirs, *given), lambda: run(theirs, *widened(given)))

    samples = op.sample_inputs("cpu", dtype, requires_grad=True)
    named = ((f"{i} {x.kwargs}", lambda x=x: case(x)) for i, x in enumerate(samples))
    assert failures(named) == []


@for_each("name", sorted(n for n in OPS if OPS[n].error_inputs_func is not None))
def test_operator_error_inputs(name: str) -> None:
    ours = getattr(compat, name.partition(" ")[0])
    errors = list(OPS[name].error_inputs("cpu"))
    assert errors
    for error in errors:
        sample = error.sample_input
        with pytest.raises(error.error_type, match=re.compile(error.error_regex)):
            ours(sample.input, *sample.args, **sample.kwargs)


class Case:
    """What a criterion test asks of the test case that it runs in."""

    assertEqual = staticmethod(torch.testing.assert_close)

    def _forward_criterion(self, module: Any, x: Any, target: Any, extra_args: Any) -> Any:
        return module(x, target)


CRITERIA = [
    info for info in common_nn.criterion_tests if info["fullname"].partition("_")[0] in MODULES
]


@pytest.mark.parametrize("info", CRITERIA, ids=lambda info: info["fullname"])
def test_criterion_tests(info: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With gradcheck, gradgradcheck and batched gradients, which torch's class runs."""
    torch.manual_seed(0)
    name = info["fullname"].partition("_")[0]
    monkeypatch.setattr(torch.nn, name, getattr(compat, name))
    test = common_nn.CriterionTest(**deepcopy(info))
    assert type(test.constructor()) is getattr(compat, name)
    test(Case())


def test_there_are_criterion_tests() -> None:
    assert len(CRITERIA) == 12
