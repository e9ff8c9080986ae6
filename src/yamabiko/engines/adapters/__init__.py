"""One engine, one file, one CARD. Named by `engines.catalog` alone."""
