"""Build the book, every warning an error and without a network.

    python scripts/build_book.py [--output FOLDER] [--pdf]

The pages are written to FOLDER/_build/html; the folder is book/ unless another one is named. With
--pdf the book is printed, too (scripts/print_book.py): the first page links to the file.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PDF = "inductive_bias_in_bits.pdf"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "book")
    parser.add_argument(
        "--pdf", action="store_true", help="print it, too: needs Chromium or Chrome"
    )
    args = parser.parse_args()
    output = args.output.resolve()
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
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(filter(None, path)), "BOOK_PDF": PDF if args.pdf else ""},
    )
    html = output / "_build" / "html"
    if built.returncode == 0:
        print(f"\nThe book: {(html / 'index.html').as_uri()}")
    if built.returncode == 0 and args.pdf:
        return subprocess.run([sys.executable, ROOT / "scripts" / "print_book.py", html]).returncode
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
