"""The formats of findings, as options name them."""

from enum import StrEnum


class Output(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"
