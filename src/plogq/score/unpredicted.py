"""Why no column can be taken for the prediction, and what to write."""

from __future__ import annotations

import re
from typing import NoReturn

from . import naming
from .column import InputError
from .survey import Seen

_DICTIONARY = re.compile(r"\s*\[?\s*\{.*:.*\}", re.S)


def refuse(seen: Seen) -> NoReturn:
    """Say what the columns hold in place of a prediction.

    Raises:
        InputError: always.
    """
    for f in seen.free:
        if f.kind == "text" and all(_DICTIONARY.match(str(v)) for v in seen.column(f.name)[:9]):
            raise InputError(
                f"column {f.name!r} holds dictionaries as text: write JSON lines, where they are "
                "columns: table.to_json('predictions.jsonl', orient='records', lines=True)"
            )
    chosen = [f.name for f in seen.free if naming.is_predicted(f.name) and f.kind != "real"]
    why = (
        f"{chosen[0]!r} holds classes that were chosen, and H is made of how probable each class "
        "was, as predict_proba or a softmax says; "
        if chosen
        else ""
    )
    raise InputError(
        f"{why}no column looks like a prediction (columns such as p0, p1, p2, a list column, or "
        "one column for a yes/no outcome): add --probs, --logits or --log-probs; there are "
        f"{naming.listed(seen.names)}"
    )
