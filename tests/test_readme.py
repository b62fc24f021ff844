"""What the README says the code prints is what the code printed."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_five_lines_print_what_they_say():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == re.search(r"# (.*)\n", code)[1]


def test_links_within_the_repository_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README)
    inside = [link for link in links if "://" not in link]
    assert inside
    assert not [link for link in inside if not (ROOT / link).exists()]


def test_every_notebook_is_in_the_map_of_chapters():
    notebooks = [f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")]
    assert not [name for name in notebooks if name not in README]
