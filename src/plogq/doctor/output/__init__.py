"""Findings as a reader, a program, GitHub or a code scanner wants them."""
