"""
The first lines that run in a worker, in the engine's interpreter.

That interpreter does not have yamabiko installed, and must not see the packages
that stand beside it: a numpy of ours would hide the engine's own. So this file,
run by its path, makes the one package `yamabiko` importable from where it lies,
and nothing else of that folder.
"""

import faulthandler
import importlib.util
import sys
from pathlib import Path


def make_yamabiko_importable() -> None:
    package = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        "yamabiko", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["yamabiko"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    # Python's own choice is to show every thread: to look at those that run on may crash the handler, and then the
    # worker's end carries another signal than the true one.
    faulthandler.enable(all_threads=False)
    make_yamabiko_importable()
    from yamabiko.workers.child import main

    main(sys.argv[1:])
