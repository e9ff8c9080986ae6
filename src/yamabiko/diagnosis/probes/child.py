"""
The first lines of a probe, in whatever interpreter it asks about: `child.py TOLD PARENT SCRIPT [ARGUMENTS]`.

Standard library alone, for an old Python too. The script finds `tell` and
`arguments` among its globals.
"""

import faulthandler
import json
import os
import runpy
import sys


def tell(**values: object) -> None:
    """Write down what is known now: whatever comes after may kill us."""
    line = json.dumps({key: value if isinstance(value, str) else str(value) for key, value in values.items()})
    with open(sys.argv[1], "a", encoding="utf-8") as stream:
        stream.write(line + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _be_limited(parent: int) -> None:
    bootstrap = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "workers", "bootstrap.py")
    try:
        runpy.run_path(bootstrap)["make_yamabiko_importable"]()
        from yamabiko import children
    except Exception as error:  # noqa: BLE001 - an interpreter too old for our code still has an answer to give
        tell(unlimited=repr(error))
        return
    children.never_dump_core()
    children.be_first_to_die()
    children.die_with_parent(parent)


def main() -> None:
    faulthandler.enable(all_threads=False)  # the others' frames would push the culprit's out of the last words
    _be_limited(int(sys.argv[2]))
    try:
        runpy.run_path(sys.argv[3], init_globals={"tell": tell, "arguments": sys.argv[4:]}, run_name="__probe__")
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        tell(raised=f"{type(error).__name__}: {error}")
        sys.exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # not through the libraries' own farewells: some crash there, after all was well


if __name__ == "__main__":
    main()
