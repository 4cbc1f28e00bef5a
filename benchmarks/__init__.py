"""Ours and the peers in turn, in one run: `python -m benchmarks --help`."""
