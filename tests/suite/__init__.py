"""One suite for every framework: what is to hold is said here, how to ask in the adapters.

`framework.Framework` is what an adapter fills in, in `tests/on_*/adapter.py`, and
`tests/on_*/test_suite*.py` bind the suites to it. So a process loads the framework that it tests
and no other, and `pytest tests/on_jax` tests JAX.
"""
