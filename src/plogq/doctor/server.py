"""A language server: the linter's findings while a program is written, and its fixes as actions."""

from __future__ import annotations

import os
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from .. import __version__
from .findings import Finding, Level
from .lint.edits import Edit
from .lint.run import Report, lint_unsaved
from .lint.settings import BadSettings, read_settings
from .lint.sources import Unreadable

_SEVERITY = {
    Level.ERROR: lsp.DiagnosticSeverity.Error,
    Level.WARNING: lsp.DiagnosticSeverity.Warning,
    Level.INFO: lsp.DiagnosticSeverity.Information,
    Level.UNKNOWN: lsp.DiagnosticSeverity.Hint,
}
# Between two keys a program may be none for a moment: what was found last stays.
_reports: dict[str, Report] = {}


def make_server() -> LanguageServer:
    """The server, with nothing open yet."""
    server = LanguageServer("plogq", __version__)

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: LanguageServer, params: lsp.DidOpenTextDocumentParams) -> None:
        _publish(ls, params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: LanguageServer, params: lsp.DidChangeTextDocumentParams) -> None:
        _publish(ls, params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(ls: LanguageServer, params: lsp.DidCloseTextDocumentParams) -> None:
        _reports.pop(params.text_document.uri, None)
        ls.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(params.text_document.uri, [])
        )

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix]),
    )
    def actions(ls: LanguageServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri = params.text_document.uri
        report = _reports.get(uri)
        if report is None:
            return []
        document = ls.workspace.get_text_document(uri)
        first, last = params.range.start.line, params.range.end.line
        found = [f for f in report.findings if first <= f.place.line - 1 <= last]
        return [action for f in found for action in _actions(document, report, f)]

    return server


def serve() -> None:
    """Serve one editor over standard input and output, until it leaves."""
    # Copies, as pygls closes what it was given, and the command line still has its own to flush.
    make_server().start_io(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))


def _publish(ls: LanguageServer, uri: str) -> None:
    """Lint what the editor holds and send what was found."""
    document = ls.workspace.get_text_document(uri)
    path = Path(to_fs_path(uri) or "unsaved.py")
    try:
        settings = read_settings(path)
        report = lint_unsaved(document.source.encode(), path, settings)
    except BadSettings as error:
        ls.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, f"plogq: {error}"))
        return
    except (Unreadable, RecursionError, MemoryError):
        return
    _reports[uri] = report
    diagnostics = [_diagnostic(document, f) for f in report.findings]
    ls.text_document_publish_diagnostics(
        lsp.PublishDiagnosticsParams(uri, diagnostics, document.version)
    )


def _diagnostic(document: TextDocument, finding: Finding) -> lsp.Diagnostic:
    line = finding.place.line - 1
    start = _position(document, line, finding.place.column - 1)
    text = document.lines[line].rstrip() if line < len(document.lines) else ""
    end = _position(document, line, len(text.encode()))
    return lsp.Diagnostic(
        range=lsp.Range(start, max(start, end, key=lambda p: p.character)),
        message=f"{finding.message}\n{finding.fix}",
        severity=_SEVERITY[finding.level],
        code=finding.rule,
        source="plogq",
    )


def _actions(document: TextDocument, report: Report, finding: Finding) -> list[lsp.CodeAction]:
    """The fix, where it is local and unambiguous, and a comment that silences the line."""
    diagnostic = _diagnostic(document, finding)
    edit = report.edits.get(finding)
    actions: list[lsp.CodeAction] = []
    if edit is not None:
        change = lsp.TextEdit(_range(document, edit), edit.text)
        actions.append(_action(document, f"{finding.rule}: {finding.fix}", change, diagnostic))
        actions[-1].is_preferred = True
    line = finding.place.line - 1
    text = document.lines[line].rstrip("\r\n") if line < len(document.lines) else ""
    end = _position(document, line, len(text.encode()))
    comment = lsp.TextEdit(lsp.Range(end, end), f"  # plogq: ignore[{finding.rule}]")
    actions.append(_action(document, f"Silence {finding.rule} on this line", comment, diagnostic))
    return actions


def _action(
    document: TextDocument, title: str, change: lsp.TextEdit, diagnostic: lsp.Diagnostic
) -> lsp.CodeAction:
    return lsp.CodeAction(
        title,
        kind=lsp.CodeActionKind.QuickFix,
        diagnostics=[diagnostic],
        edit=lsp.WorkspaceEdit(changes={document.uri: [change]}),
    )


def _range(document: TextDocument, edit: Edit) -> lsp.Range:
    (first, start), (last, end) = edit.start, edit.end
    return lsp.Range(_position(document, first - 1, start), _position(document, last - 1, end))


def _position(document: TextDocument, line: int, offset: int) -> lsp.Position:
    """An offset in UTF-8, as the linter has it, as the editor counts it."""
    text = document.lines[line] if line < len(document.lines) else ""
    letters = text.encode()[:offset].decode(errors="ignore")
    codec = document.position_codec
    return lsp.Position(line, codec.client_num_units(letters))
