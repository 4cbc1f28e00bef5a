"""Every example that is printed runs: docstrings of the public names, docs pages, the README."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest

import plogq

from .together import for_each

pytestmark = pytest.mark.usefixtures("unoptimised")
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [p for p in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))) if p.exists()]
FENCE = re.compile(r"^( *)```(?:python|pycon)\b[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)

OBJECTS = [
    name
    for name in plogq.__all__
    if not inspect.isclass(getattr(plogq, name)) or not issubclass(getattr(plogq, name), Exception)
]


def run(examples: list[doctest.Example], name: str, source: str) -> None:
    """Run the examples in one namespace; a wrong output or an unexpected error fails."""
    test = doctest.DocTest(examples, {}, name, name, 0, source)
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert result.failed == 0, "".join(report)
    assert result.attempted == len(examples)


def blocks(text: str) -> list[str]:
    """The Python blocks of a page that are written as a session."""
    found = []
    for fence in FENCE.finditer(text):
        indent = len(fence[1])
        block = "\n".join(line[indent:] for line in fence[2].splitlines())
        if ">>>" in block:
            found.append(block + "\n")
    return found


@for_each("name", OBJECTS)
def test_every_public_name_has_an_example_that_runs(name: str) -> None:
    text = inspect.getdoc(getattr(plogq, name)) or ""
    examples = doctest.DocTestParser().get_examples(text, name)
    assert examples, f"plogq.{name} has no example"
    run(examples, name, text)


@for_each("name", plogq.__all__)
def test_every_public_name_has_a_sentence(name: str) -> None:
    """Its own, and not that of the class it inherits from."""
    own = getattr(plogq, name).__doc__
    first = (own or "").strip().partition("\n\n")[0]
    assert len(first) > 20
    assert first.endswith(".")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_example_of_a_page_runs(page: Path) -> None:
    """The blocks of one page share their names, as a reader's session would."""
    found = blocks(page.read_text(encoding="utf-8"))
    examples = [e for block in found for e in doctest.DocTestParser().get_examples(block)]
    if examples:
        run(examples, page.name, "\n".join(found))
    else:
        assert ">>>" not in page.read_text(encoding="utf-8"), (
            f"{page.name}: examples not in a block"
        )


def test_the_docs_have_examples() -> None:
    """A docs folder without one would make the test above pass for nothing."""
    assert DOCS.is_dir()
    assert any(blocks(p.read_text(encoding="utf-8")) for p in DOCS.rglob("*.md"))
    assert blocks((ROOT / "README.md").read_text(encoding="utf-8"))


def test_blocks_are_found_where_they_are_and_nowhere_else() -> None:
    page = (
        "text >>> no\n```python\n>>> 1 + 1\n2\n```\n```sh\n>>> x\n```\n"
        '- item\n\n    ```python title="a"\n    >>> 3\n    3\n    ```\n```python\nplain()\n```\n'
    )
    assert blocks(page) == [">>> 1 + 1\n2\n", ">>> 3\n3\n"]
    with pytest.raises(AssertionError, match="Expected"):
        run(doctest.DocTestParser().get_examples(">>> 1 + 1\n3\n"), "wrong", "")
