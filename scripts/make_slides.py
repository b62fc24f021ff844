"""Make the slides of the chapters that have some, from what their notebooks show.

    python scripts/make_slides.py [--output FOLDER]

`book/teaching/slides/NN.md` says what stands on the slides of chapter NN: Markdown, a line `---`
between two slides, and after a line `Note:` what the speaker sees. It holds no figure and no number
of its own making. It names what the notebook shows,

    ![first words of its caption](figure)           or (figure, above), (figure, below): its half
    ![first words of its caption](table)
    ![words in what a cell prints](printed)
    ![words in a cell](code)

and that is taken from the notebook's committed outputs. The slides need no network: reveal.js is in
`book/_static`, MathJax in a package that the book needs too. The key S opens the speaker's view;
`?print-pdf` behind the address, and printing, makes a PDF.
"""

import argparse
import re
import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterator
from html import escape
from importlib.util import find_spec
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import nbformat
import notebook_form
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook
from PIL import Image
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "book" / "teaching" / "slides"
REVEAL = ROOT / "book" / "_static" / "reveal"
TEMPLATE = Path(__file__).with_name("slides.html.j2")
NAMED = re.compile(r"^!\[(.+)\]\((\w+)(?:, (above|below))?\)$", re.MULTILINE)
LONG = 9  # rows of a table; with more of them it is set smaller
SIZE = 30  # of printed text, in pixels, unless there is more of it than
WIDE, HIGH = 1860, 290  # so many pixels in all columns, or in all lines


def decks() -> dict[str, Path]:
    """The chapters that have slides, and where these are written."""
    return {path.stem: path for path in sorted(SOURCES.glob("[0-9][0-9].md"))}


def slides(source: str) -> Iterator[tuple[str, str]]:
    """What each slide shows, and its notes."""
    for slide in re.split(r"^---$", source, flags=re.MULTILINE):
        shown, _, notes = slide.partition("\nNote:\n")
        yield shown.strip(), notes.strip()


def chapter(number: str) -> list[NotebookNode]:
    """The cells of a chapter, without its exercises and their solutions."""
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell, role, exercise in notebook_form.roles(cells) if not exercise]


def filled(shown: str, cells: list[NotebookNode]) -> str:
    """A slide with what it names of the notebook in its place."""

    def take(named: re.Match[str]) -> str:
        words, kind, half = named.groups()
        return figure(words, cells, half) if kind == "figure" else KINDS[kind](words, cells)

    return NAMED.sub(take, shown)


def figure(words: str, cells: list[NotebookNode], half: str | None = None) -> str:
    """The picture above the caption that begins so, with the words for those who do not see it."""
    captions = [
        (above, cell.source.removeprefix("**Figure.** "))
        for above, cell in pairwise(cells)
        if "caption" in cell.metadata.get("tags", [])
    ]
    found = [above for above, caption in captions if caption.startswith(words)]
    above = only_one(found, "caption that begins with", words)
    png = [o.data["image/png"] for o in above.outputs if "image/png" in o.get("data", {})][-1]
    alt = escape(above.metadata.mystnb.image.alt)
    picture = b64encode(cut(b64decode(png), half) if half else b64decode(png)).decode()
    return f'<div class="picture"><img src="data:image/png;base64,{picture}" alt="{alt}"></div>'


def cut(png: bytes, half: str) -> bytes:
    """The upper or the lower half of a picture, cut where it is blank nearest to the middle."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    width, height = picture.size
    rows = [picture.crop((0, y, width, y + 1)).getcolors() for y in range(height)]
    blank = [y for y, colours in enumerate(rows) if colours and len(colours) == 1]
    middle = min(blank, key=lambda y: abs(y - height / 2))
    kept = BytesIO()
    box = (0, 0, width, middle) if half == "above" else (0, middle, width, height)
    picture.crop(box).save(kept, "PNG")
    return kept.getvalue()


def table(words: str, cells: list[NotebookNode]) -> str:
    """The table whose caption begins so."""
    tables = [
        str(output.data["text/html"])
        for cell in cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    captioned = f"<figcaption>{escape(words)}"
    html = only_one([t for t in tables if captioned in t], "table whose caption begins with", words)
    html = re.sub(r' tabindex="0" style="[^"]*"', "", html).replace(' style="margin: 0"', "")
    long = " long" if html.count("<tr") > LONG else ""
    return f'<div class="table{long}">{html}</div>'


def printed(words: str, cells: list[NotebookNode]) -> str:
    """All that the cell prints which prints these words."""
    texts = [
        "".join(o.text for o in cell.get("outputs", []) if o.output_type == "stream").strip("\n")
        for cell in cells
    ]
    text = only_one([text for text in texts if words in text], "cell that prints", words)
    lines = text.splitlines()
    size = min(SIZE, WIDE // max(map(len, lines)), HIGH // len(lines))
    return f'<pre class="printed" style="font-size: {size}px">{escape(text)}</pre>'


def code(words: str, cells: list[NotebookNode]) -> str:
    """The code of the cell that holds these words."""
    sources = [cell.source for cell in cells if cell.cell_type == "code" and words in cell.source]
    return f"```python\n{only_one(sources, 'cell of code that holds', words)}\n```"


KINDS = {"table": table, "printed": printed, "code": code}


def only_one(found: list, what: str, words: str):
    """What was found, if it is one."""
    if len(found) != 1:
        raise ValueError(
            f"slides: found {len(found)} times a {what} {words!r}: the notebook may have changed, "
            "or more words are needed to tell which is meant."
        )
    return found[0]


def deck(number: str) -> NotebookNode:
    """The slides of a chapter, as the notebook that nbconvert takes."""
    cells, made = chapter(number), new_notebook()
    for shown, notes in slides(decks()[number].read_text(encoding="utf-8")):
        spoken = notes.replace("\n", "\n\n")  # what to say, what to ask: a paragraph each
        for kind, text in (("slide", filled(shown, cells)), ("notes", spoken)):
            made.cells.append(new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}}))
    made.metadata.title = f"{number} {made.cells[0].source.splitlines()[0].removeprefix('# ')}"
    return made


def page(number: str, assets: str) -> str:
    """The slides of a chapter as a page; reveal.js and MathJax lie in the folder `assets`."""
    exporter = SlidesExporter(
        template_file=str(TEMPLATE),
        exclude_anchor_links=True,
        config=Config(
            SlidesExporter={"reveal_url_prefix": f"{assets}/reveal", "reveal_theme": "course"},
            CSSHTMLHeaderPreprocessor={"style": "default"},
        ),
    )
    html, _ = exporter.from_notebook_node(deck(number), {"mathjax": f"{assets}/{mathjax().name}"})
    return html


def mathjax() -> Path:
    """MathJax as one file, which the package sphinx-mathjax-offline holds."""
    package = find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise SystemExit("MathJax is missing; `make slides` installs it with what the book needs.")
    return Path(package.origin).parent / "static" / "mathjax" / "tex-svg-full.js"


def write(folder: Path, assets: str) -> None:
    """A page for each chapter that has slides."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in decks():
        (folder / f"{number}.html").write_text(page(number, assets), encoding="utf-8")


def write_alone(folder: Path) -> None:
    """The pages, and beside them what they need."""
    write(folder, "assets")
    shutil.copytree(REVEAL, folder / "assets" / "reveal", dirs_exist_ok=True)
    shutil.copy(mathjax(), folder / "assets")


def main() -> None:
    """Write all slides into a folder that can be carried away."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "editions" / "slides")
    output = parser.parse_args().output
    write_alone(output)
    print(f"slides: {output}")


if __name__ == "__main__":
    main()
