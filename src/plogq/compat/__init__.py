"""The peers' own names, signatures, errors and quirks: one module per peer, each loads its own."""
