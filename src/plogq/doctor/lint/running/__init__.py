"""A program run in thought: what its statements and expressions do to what is known."""
