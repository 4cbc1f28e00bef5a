"""Puts the tree of `plogq choose` into the pages that ask for it, so that there is one source.

`<!-- choose: data -->` becomes the tree as JSON for the scripts, `<!-- choose: tables -->` every
answer as a table, for readers without JavaScript and for the search.
"""

from __future__ import annotations

import json
from typing import Any

from plogq.decision import LABELS, LAST_LAYER, OUTPUTS, answer, shown_calls, tree


def data() -> str:
    """The tree as a JSON block that no markup can end."""
    text = json.dumps(tree(), ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="plogq-tree">{text}</script>'


def tables() -> str:
    """Every answer, below a heading for each first answer."""
    parts: list[str] = []
    for first in OUTPUTS.options:
        parts.append(f"### {first.text[0].upper()}{first.text[1:]}\n")
        for last in LAST_LAYER[first.name].options:
            for labels in LABELS[first.name].options:
                found = answer(first.name, last.name, labels.name)
                title = f"last layer: {last.name}; labels: {labels.name}: {found.name}"
                rows = [f"    | {name} | `{call}` |" for name, call in shown_calls(found)]
                told = [
                    f"    The last layer: {found.last_layer}.\n",
                    f"    The nearest mistake: {found.mistake}.\n",
                    f"    The loss of an untrained model: {found.untrained}.\n",
                ]
                before = [f"    {found.before}\n"] if found.before else []
                parts.append("\n".join([f'??? note "{title}"\n', *before, "    | in | write |",
                                        "    |:--|:--|", *rows, "", *told]))  # fmt: skip
    return "\n".join(parts)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """What MkDocs calls with the text of every page."""
    if "<!-- choose: data -->" in markdown:
        markdown = markdown.replace("<!-- choose: data -->", data())
    if "<!-- choose: tables -->" in markdown:
        markdown = markdown.replace("<!-- choose: tables -->", tables())
    return markdown
