"""config.toml, the environment and the defaults: what each setting is, what it is set to, and where that is said."""
