"""Work that outlives a connection, and the server: `store` keeps it, `runner` does it."""
