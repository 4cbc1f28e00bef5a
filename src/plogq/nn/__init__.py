"""Loss modules for training code, one module per framework, each loads its own."""
