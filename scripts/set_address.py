"""Write the address of the repository where readers need it: the README and the notebooks.

    python scripts/set_address.py https://github.com/someone/course

Badges in the README open the course in Colab and Binder, and the first cell of each notebook
installs the course from there. Whoever hosts a copy does this once; without an address
(an empty one takes it away again) the cell says in words what to install.
"""

import argparse
import re
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from notebook_form import roles

ROOT = Path(__file__).resolve().parents[1]
BADGES = re.compile(r"<!-- badges -->\n(?:\[!.*\n)*")


def main() -> None:
    """Write the address given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="such as https://github.com/someone/course; may be empty")
    write(parser.parse_args().address.rstrip("/"), ROOT)


def write(address: str, root: Path) -> None:
    """Write an address into the README and the notebooks of a folder."""
    url = urlsplit(address)
    if address and (url.scheme != "https" or not re.fullmatch(r"/[\w.-]+/[\w.-]+", url.path)):
        raise SystemExit(f"found {address!r}; give an address such as https://github.com/a/b")
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(BADGES.sub(lambda _: badges(address), text, count=1), encoding="utf-8")
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        fill_in(notebook, address)
        nbformat.write(notebook, path)


def badges(address: str) -> str:
    """The lines that open the course in Colab and in Binder; none without an address."""
    lines = ["<!-- badges -->"]
    if address:
        where = urlsplit(address).path.strip("/")
        colab = f"https://colab.research.google.com/github/{where}/blob/main/notebooks/"
        binder = f"https://mybinder.org/v2/gh/{where}/main?urlpath=lab/tree/notebooks"
        lines += [
            "[![Open the first chapter in Colab](https://colab.research.google.com/assets/"
            f"colab-badge.svg)]({colab}00_start_here.ipynb)",
            f"[![Open the course in Binder](https://mybinder.org/badge_logo.svg)]({binder})",
        ]
    return "\n".join([*lines, ""])


def fill_in(notebook: nbformat.NotebookNode, address: str) -> None:
    """Write an address into the cell that installs the course."""
    for cell, role, _ in roles(notebook.cells):
        if role == "setup":
            cell.source = re.sub(
                r'^ADDRESS = ".*?"', f'ADDRESS = "{address}"', cell.source, flags=re.MULTILINE
            )


if __name__ == "__main__":
    main()
