"""The language server, asked as an editor asks it: over its standard input and output."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

PROGRAM = """import keras

# Ein Netz für Ziffern
net = keras.Sequential([keras.layers.Dense(10)])
net.compile("adam", loss=keras.losses.SparseCategoricalCrossentropy())
"""


class Editor:
    """What an editor says, and what it hears."""

    def __init__(self, server: subprocess.Popen[bytes]) -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        self._in: IO[bytes] = server.stdin
        self._out: IO[bytes] = server.stdout
        self._number = 0

    def say(self, method: str, params: Any, number: int | None = None) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        body = json.dumps(message).encode()
        self._in.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._in.flush()

    def ask(self, method: str, params: Any) -> Any:
        self._number += 1
        self.say(method, params, self._number)
        while "id" not in (heard := self._hear()) or "method" in heard:
            pass
        assert "error" not in heard, heard
        return heard["result"]

    def diagnostics(self) -> list[dict[str, Any]]:
        while (heard := self._hear()).get("method") != "textDocument/publishDiagnostics":
            pass
        return heard["params"]["diagnostics"]

    def _hear(self) -> dict[str, Any]:
        length = 0
        while (line := self._out.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self._out.read(length))


@pytest.fixture
def editor() -> Iterator[Editor]:
    command = [sys.executable, "-m", "plogq", "lint", "--server"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        editor = Editor(server)
        editor.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        editor.say("initialized", {})
        yield editor
        editor.ask("shutdown", None)
        editor.say("exit", None)
        assert server.wait(30) == 0


def test_an_editor_gets_findings_and_their_fixes(editor: Editor, tmp_path: Path) -> None:
    uri = (tmp_path / "train.py").as_uri()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": PROGRAM}
    editor.say("textDocument/didOpen", {"textDocument": document})
    (found,) = editor.diagnostics()
    assert (found["code"], found["severity"], found["source"]) == ("PQ003", 1, "plogq")
    assert found["range"]["start"]["line"] == 4

    where = {"textDocument": {"uri": uri}, "range": found["range"]}
    fix, silence = editor.ask("textDocument/codeAction", where | {"context": {"diagnostics": []}})
    (edit,) = fix["edit"]["changes"][uri]
    assert edit["newText"] == "from_logits=True"
    assert edit["range"]["start"] == edit["range"]["end"]
    line = PROGRAM.split("\n")[4]
    at = edit["range"]["start"]["character"]
    mended = line[:at] + edit["newText"] + line[at:]
    assert mended.endswith("SparseCategoricalCrossentropy(from_logits=True))")
    assert silence["edit"]["changes"][uri][0]["newText"] == "  # plogq: ignore[PQ003]"

    change = {"uri": uri, "version": 2}
    whole = [{"text": PROGRAM.replace(line, mended)}]
    editor.say("textDocument/didChange", {"textDocument": change, "contentChanges": whole})
    assert editor.diagnostics() == []


def test_columns_are_those_of_the_editor(editor: Editor, tmp_path: Path) -> None:
    """An editor counts in UTF-16, Python's tree in UTF-8."""
    uri = (tmp_path / "train.py").as_uri()
    text = PROGRAM.replace('net.compile("adam", ', '"𝒽ä"; net.compile("adam", ')
    document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    editor.say("textDocument/didOpen", {"textDocument": document})
    (found,) = editor.diagnostics()
    line = text.split("\n")[4]
    before = line[: line.index("keras.losses")]
    assert found["range"]["start"]["character"] == len(before.encode("utf-16-le")) // 2


def test_what_is_no_program_keeps_what_was_found(editor: Editor, tmp_path: Path) -> None:
    uri = (tmp_path / "train.py").as_uri()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": PROGRAM}
    editor.say("textDocument/didOpen", {"textDocument": document})
    assert len(editor.diagnostics()) == 1
    for version, text in ((2, PROGRAM + "("), (3, PROGRAM)):
        change = {"textDocument": {"uri": uri, "version": version}}
        editor.say("textDocument/didChange", change | {"contentChanges": [{"text": text}]})
    assert len(editor.diagnostics()) == 1
    editor.say("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert editor.diagnostics() == []
