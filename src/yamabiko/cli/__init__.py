"""The command line: one thin file a command. Nothing here decides anything; light to import, so `--help` is quick."""
