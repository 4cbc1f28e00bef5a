"""The command `choose`: three questions about a model, and the loss in each library."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from itertools import chain, repeat
from textwrap import wrap
from typing import Annotated

import typer

from ..decision import LABELS, LAST_LAYER, OUTPUTS, Question, answer, questions, shown_calls
from ..score.terminal import cell, emit
from .console import Format, FormatOption, print_json, printed, stop

_Completion = Callable[[str], list[tuple[str, str]]]


def _completion(*asked: Question) -> _Completion:
    """Tab completion: the answers to a question, each with what it means."""
    options = {o.name: o.text for question in asked for o in question.options}

    def complete(incomplete: str) -> list[tuple[str, str]]:
        return [(n, text) for n, text in options.items() if n.startswith(incomplete)]

    return complete


def choose(
    outputs: Annotated[
        str | None,
        typer.Option(
            metavar="ANSWER",
            help="one, exclusive (one of K classes) or independent (K times yes or no).",
            autocompletion=_completion(OUTPUTS),
        ),
    ] = None,
    last_layer: Annotated[
        str | None,
        typer.Option(
            metavar="ANSWER",
            help="nothing, sigmoid, softmax, log-softmax or hidden.",
            autocompletion=_completion(*LAST_LAYER.values()),
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="ANSWER",
            help="0/1, index, one-hot, 'several ones' or probabilities.",
            autocompletion=_completion(*LABELS.values()),
        ),
    ] = None,
    format: FormatOption = Format.table,
) -> None:
    """Which cross-entropy do I want? Three questions, and the loss in six libraries.

    [bold]Examples[/bold]

      plogq choose

      plogq choose --outputs one --last-layer sigmoid --labels 0/1
    """
    first = _answer(OUTPUTS, outputs)
    _, ending, looks = questions(first)
    answers = (first, _answer(ending, last_layer), _answer(looks, labels))
    found = answer(*answers)
    calls = dict(shown_calls(found))
    told = {
        "Last layer": found.last_layer,
        "Nearest mistake": found.mistake,
        "Loss of an untrained model": found.untrained,
    }
    if format is Format.json:
        asked = (q.name for q in (OUTPUTS, ending, looks))
        print_json(
            {
                "answers": dict(zip(asked, answers, strict=True)),
                "name": found.name,
                "calls": calls,
                "last_layer": found.last_layer,
                "mistake": found.mistake,
                "untrained": found.untrained,
            }
        )
        return
    with printed() as console:

        def line(text: str, style: str = "", *, whole: bool = False) -> None:
            console.print(cell(text, console.encoding, style), soft_wrap=whole)

        console.print()
        line(found.name, "bold green")
        line(f"({'; '.join(answers)})")
        console.print()
        if found.before:
            line(found.before)
            console.print()
        # A call is there to be copied: on a line of its own, which nothing breaks.
        for library, call in calls.items():
            line(library, "bold")
            line(f"    {call}", whole=True)
        for name, text in told.items():
            console.print()
            line(name, "bold")
            line(f"{text[0].upper()}{text[1:]}.")
        console.print()
        line(
            "By default TensorFlow and optax return one loss for each example, the others the "
            "mean of them."
        )


def _answer(question: Question, given: str | None) -> str:
    """The answer that a flag gave, or the one that the user gives now."""
    names = [o.name for o in question.options]
    if given is not None:
        if given not in names:
            near = get_close_matches(given, names, 1)
            guess = f"; did you mean {near[0]}?" if near else ""
            stop("choose", f"--{question.name} is {' or '.join(names)}, not {given!r}{guess}")
        return given
    numbers = [str(i) for i in range(1, len(names) + 1)]
    emit(f"\n{question.text}\n")
    for i, option in zip(numbers, question.options, strict=True):
        with printed() as console:
            lines = [*wrap(option.text, console.width - 5), option.example]
            for mark, line in zip(chain([i], repeat(" ")), filter(None, lines), strict=False):
                console.print(f"  {mark}  ", cell(line, console.encoding), sep="", soft_wrap=True)
    while True:
        try:
            text = typer.prompt("Number").strip()
        except typer.Abort as abort:
            if isinstance(abort.__context__, KeyboardInterrupt):
                raise
            stop("choose", f"no answer came: add --{question.name} {'|'.join(names)}")
        if text in names:
            return text
        if text in numbers:
            return names[numbers.index(text)]
        emit(f"Answer with a number from 1 to {len(names)}.\n")
