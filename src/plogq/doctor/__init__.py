"""Is this the loss you think it is? Facts about arrays, contracts of losses, rules over both."""
