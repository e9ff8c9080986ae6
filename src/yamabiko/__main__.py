"""`python -m yamabiko`."""

from yamabiko.cli.main import run

if __name__ == "__main__":
    run()
