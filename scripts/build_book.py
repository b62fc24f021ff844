"""Build the book, every warning an error and without a network.

    python scripts/build_book.py [--output FOLDER]

The pages are written to FOLDER/_build/html; the folder is book/ unless another one is named.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "book")
    output = parser.parse_args().output.resolve()
    # Always from the beginning: Sphinx does not repeat the warnings of a page it kept.
    shutil.rmtree(output / "_build", ignore_errors=True)
    # The book's extensions import the package and what stands beside this script.
    path = [str(ROOT), str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")]
    built = subprocess.run(
        [
            *[sys.executable, "-c", "from jupyter_book.cli.main import main; main()"],
            *["build", str(ROOT)],
            *["--config", str(ROOT / "book" / "_config.yml")],
            *["--toc", str(ROOT / "book" / "_toc.yml")],
            *["--path-output", str(output)],
            *["--warningiserror", "--keep-going", "--nitpick"],
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))},
    )
    if built.returncode == 0:
        print(f"\nThe book: {(output / '_build' / 'html' / 'index.html').as_uri()}")
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
