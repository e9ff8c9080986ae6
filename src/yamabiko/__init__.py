"""yamabiko: a local speech server that says what device it used, with proof."""

__version__ = "0.1.0"
