"""The rules: their pages' examples run and are judged rightly; they know nothing of code."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path

import pytest

import plogq.doctor
from plogq.doctor.contracts import CONTRACTS
from plogq.doctor.facts import Array, Cut, HandWritten, Made, Place, Sighting, Step
from plogq.doctor.findings import Level
from plogq.doctor.lint.run import lint_text
from plogq.doctor.rules import RULES, judge
from plogq.doctor.rules.registry import rule

FOLDER = Path(plogq.doctor.__file__).parent
EXAMPLE = re.compile(r'```python title="(wrong|right)"\n(.*?)```', re.DOTALL)
EXAMPLES = [
    (code, title, text) for code, rules in RULES.items() for title, text in
    EXAMPLE.findall(rules[0].page)
]  # fmt: skip
HERE = Place("train.py", 20, 5)
HEAD = Place("train.py", 7, 9)


def array(made: Made | None, **facts: object) -> Array:
    return Array(made, "as written", HEAD).but(**facts)


def said(name: str, q: Array | None, p: Array | None = None, **options: object) -> list[str]:
    seen = Sighting(CONTRACTS[name], HERE, q, p, options)
    return [f.rule for f in judge(seen)]


def test_there_are_twenty_one_rules_each_with_its_page() -> None:
    assert list(RULES) == [f"PQ{n:03d}" for n in range(1, 22)]
    for code, rules in RULES.items():
        titles = [title for c, title, _ in EXAMPLES if c == code]
        assert sorted(titles) == ["right", "wrong"], code
        assert len(rules[0].title) > 30
        assert rules[0].title.endswith(".")


@pytest.mark.parametrize(("code", "title", "text"), EXAMPLES, ids=lambda x: str(x)[:6])
def test_the_examples_of_a_page_are_judged_as_it_says(code: str, title: str, text: str) -> None:
    assert [f.rule for f in lint_text(text)] == ([code] if title == "wrong" else [])


@pytest.mark.slow
@pytest.mark.parametrize(("code", "title", "text"), EXAMPLES, ids=lambda x: str(x)[:6])
def test_the_examples_of_a_page_run(code: str, title: str, text: str) -> None:
    del code, title
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the wrong ones the frameworks speak too
        exec(compile(text, "<page>", "exec"), {"__name__": "page"})


@pytest.mark.parametrize(
    "file", [*FOLDER.glob("rules/*.py"), *(FOLDER / f"{n}.py" for n in (
        "facts", "contracts", "numbers", "findings"))], ids=lambda p: p.name
)  # fmt: skip
def test_facts_contracts_and_rules_know_no_code_and_no_framework(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module or "")
        for name in names:
            assert name.partition(".")[0] not in {"ast", "tokenize", "torch", "jax", "keras"}, name


def test_a_softmax_twice_is_an_error_and_a_scaled_one_a_warning() -> None:
    from plogq.doctor.facts import Step

    q = array(Made.SOFTMAX, axis=1, width=10, shape=(None, 10))
    seen = Sighting(CONTRACTS["torch.nn.CrossEntropyLoss"], HERE, q, None)
    (found,) = judge(seen)
    assert (found.rule, found.level, found.head) == ("PQ001", Level.ERROR, HEAD)
    assert "1.461 to 2.461" in found.message
    assert "0.232" in found.message
    (scaled,) = judge(
        Sighting(seen.loss, HERE, q.but(path=(Step("scale"),)), None)
    )  # fmt: skip
    assert scaled.level is Level.WARNING


def test_a_rule_that_says_more_hides_the_others() -> None:
    one = array(Made.SOFTMAX, axis=1, width=1, shape=(None, 1))
    assert said("torch.nn.CrossEntropyLoss", one) == ["PQ007"]
    decided = array(Made.ARGMAX, kind="int", shape=(None,))
    assert said("torch.nn.functional.cross_entropy", decided) == ["PQ012"]


def test_nothing_is_said_where_nothing_is_known() -> None:
    for name in CONTRACTS:
        assert said(name, None) in ([], ["PQ017"])
        assert said(name, Array()) in ([], ["PQ017"])
        assert said(name, array(None, shape=(None, 3)), array(None, shape=(None,))) in (
            [], ["PQ017"],
        )  # fmt: skip


def test_thresholds_and_sums_are_judged_too() -> None:
    scores = array(Made.SCORES, axis=-1, width=1)
    assert [f.rule for f in judge(Cut(HERE, scores, 0.5, "z > 0.5"))] == ["PQ019"]
    assert not list(judge(Cut(HERE, scores, 0.0, "z > 0")))
    logs = array(Made.LOG_OF_SOFTMAX, axis=-1)
    assert [f.rule for f in judge(HandWritten(HERE, logs, array(Made.ONE_HOT)))] == ["PQ021"]
    logs = array(Made.LOG_SOFTMAX, axis=-1, width=4)
    (found,) = judge(HandWritten(HERE, logs, array(Made.ONE_HOT), mean_over_classes=True))
    assert "4 times too small" in found.message
    assert not list(judge(HandWritten(HERE, logs, array(Made.ONE_HOT))))


def test_sums_that_are_wrong_by_what_the_logarithm_is_of() -> None:
    hot = array(Made.ONE_HOT, axis=-1)

    def said(logs: Array, target: Array | None = hot) -> list[str]:
        return [f.rule for f in judge(HandWritten(HERE, logs, target))]

    softmax, scores = array(Made.SOFTMAX, axis=-1), array(Made.SCORES, axis=-1)
    for made in (Made.LOG_OF_SOFTMAX, Made.LOG_SOFTMAX):
        assert said(array(made, axis=-1, source=softmax)) == ["PQ001"]
        assert said(array(made, axis=0)) == ["PQ011"]
        assert said(array(made, axis=0), hot.but(axis=0)) != ["PQ011"]
        assert said(array(made, across=0), None) == ["PQ011"]
        assert "PQ001" not in said(array(made, axis=-1, source=scores))
    (found,) = judge(
        HandWritten(HERE, array(Made.LOG_SOFTMAX, source=softmax.but(path=(Step("scale"),))), hot)
    )
    assert found.level is Level.WARNING  # sharpened, it may be meant
    assert said(array(Made.LOG_OF_SCORES, source=scores)) == ["PQ003"]
    assert said(array(Made.LOG_OF_SCORES, source=array(Made.LOG_SOFTMAX))) == ["PQ003"]
    assert said(array(Made.LOG_OF_SOFTMAX, path=(Step("columns"),)), None) == ["PQ020"]
    assert said(array(Made.LOG_OF_SOFTMAX, by="np.log(p)"), None) == []  # NumPy has no other


def test_two_rules_of_one_code_for_one_kind_are_refused() -> None:
    before = list(RULES["PQ001"])
    with pytest.raises(ValueError, match="PQ001 is entered twice"):
        rule("PQ001", "another", Level.ERROR, Sighting)(lambda seen: None)
    assert RULES["PQ001"] == before


def test_a_log_softmax_over_the_batch_is_not_to_be_transposed() -> None:
    """Before a loss that takes scores, too: its classes lie where they should."""
    logs = array(Made.LOG_SOFTMAX, axis=0, shape=(32, 3))
    seen = Sighting(CONTRACTS["torch.nn.CrossEntropyLoss"], HERE, logs, None, {})
    (found,) = judge(seen)
    assert found.rule == "PQ011"
    assert "over axis 0, the events of the batch" in found.message
    assert "dim=-1" in found.fix
    assert "transpose" not in found.fix
