"""All that is known of libraries, as the machine is given it."""

from __future__ import annotations

from ..machine import Library
from .attributes import attribute
from .builtin import BUILTINS
from .calls import called
from .classes import base_method, chain_of, made_class, replaced_head

LIBRARY = Library(BUILTINS, called, attribute, chain_of, made_class, base_method, replaced_head)
