"""Run mypy over the package, and over the code of the README and of every chapter.

A chapter is checked as one program, as it runs. What IPython alone understands is left out.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]


def programs() -> dict[str, str]:
    """Python code by the name of the module that it is checked as."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = {"readme": "\n".join(re.findall(r"^```python\n(.*?)^```", readme, re.M | re.S))}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        code = "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")
        found[f"chapter_{path.stem}"] = re.sub(r"^( *)[%!].*$", r"\1pass", code, flags=re.M)
    return found


def main() -> int:
    """Say what mypy finds; return its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, code in programs().items():
            file = Path(folder) / f"{name}.py"
            file.write_text(code, encoding="utf-8")
            files.append(str(file))
        # A name may stand for things of several types in a chapter, as when a figure is redrawn.
        options = [
            "--allow-redefinition-new",
            "--local-partial-types",
            "--config-file",
            "pyproject.toml",
        ]
        package = [str(path) for path in sorted((ROOT / "ibhelpers").rglob("*.py"))]
        command = [sys.executable, "-m", "mypy", *options, *package, *files]
        return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
