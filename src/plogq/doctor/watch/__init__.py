"""Watching a run: the same facts as the linter's, from the arrays themselves, to the same rules."""
