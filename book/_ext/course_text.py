"""How the book sets text: what a line must not part, titles of exercises, columns of tables."""

import re
from itertools import zip_longest

from bs4 import BeautifulSoup, Tag
from docutils import nodes

OPENING = re.compile(r"[(“]+$")
CLOSING = re.compile(r"[.,;:?!)”]+")
# The space within "95 %" and the two within "28 × 28".
TIGHT = re.compile(r"(?<=\d) (?=%)|(?<=[\d ]) (?=× ?\d)|(?<=×) (?=\d)")


def keep_together(app, doctree, docname):
    """Let no line end between an equation and its full stop, or between a number and its unit."""
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, (nodes.literal, nodes.literal_block, nodes.math, nodes.raw)):
            continue
        if (tight := TIGHT.sub("\N{NO-BREAK SPACE}", text)) != text:
            text.parent.replace(text, nodes.Text(tight))
    for equation in list(doctree.findall(nodes.math)):
        before, after = beside(equation, -1), beside(equation, 1)
        opening = OPENING.search(before) if before else None
        closing = CLOSING.match(after) if after else None
        if not opening and not closing:
            continue
        parent, together = equation.parent, nodes.inline(classes=["together"])
        if opening:
            parent.replace(before, nodes.Text(before[: opening.start()]))
            together += nodes.Text(opening[0])
        parent.replace(equation, together)
        together += equation
        if closing:
            parent.replace(after, nodes.Text(after[closing.end() :]))
            together += nodes.Text(closing[0])


def beside(node: nodes.Node, step: int) -> nodes.Text | None:
    """The text right before or after a node."""
    place = node.parent.index(node) + step
    found = node.parent[place] if 0 <= place < len(node.parent) else None
    return found if isinstance(found, nodes.Text) else None


TITLE = re.compile(r"\bExercise \((\d\d\.\d: .*?)\)(?=</p>|</a>)")
SOLUTION = re.compile(r"(Solution to)(<a [^>]*>) ")


def name_exercises(body: str) -> str:
    """Call them "Exercise 05.2: a title", as the notebooks do, without brackets."""
    return SOLUTION.sub(r"\1 \2", TITLE.sub(r"Exercise \1", body))


TABLE = re.compile(r'<table\b[^>]*class="dataframe".*?</table>', re.DOTALL)
NUMBER = re.compile(r"(at least )?[-−+]?(\d|inf\b|nan\b)", re.IGNORECASE)


def set_columns(body: str) -> str:
    """Let columns of numbers end at the right, under their heads, and no number be parted."""
    return TABLE.sub(lambda table: set_table(BeautifulSoup(table[0], "html.parser")), body)


def set_table(table: BeautifulSoup) -> str:
    rows = [row("td")[::-1] for row in table.select("tbody tr")]
    heads = [row("th")[::-1] for row in table.select("thead tr")]
    for column, cells in enumerate(zip_longest(*rows)):  # from the right: spans are at the left
        cells = [cell for cell in cells if cell is not None]
        filled = [cell for cell in cells if cell.text.strip()]
        if 2 * sum(bool(NUMBER.match(cell.text.strip())) for cell in filled) > len(filled):
            for cell in cells:
                keep_signs(cell)
            for cell in [*cells, *(head[column] for head in heads if column < len(head))]:
                cell["class"] = "number"
    return str(table)


def keep_signs(cell: Tag) -> None:
    """Let no line end behind a minus sign."""
    words = (cell.string or "").split()
    if any("-" in word for word in words):
        kept = (f'<span class="together">{word}</span>' if "-" in word else word for word in words)
        cell.clear()
        cell.append(BeautifulSoup(" ".join(kept), "html.parser"))


def set_text(app, pagename, templatename, context, doctree):
    context["body"] = set_columns(name_exercises(context.get("body", "")))


def setup(app):
    app.connect("doctree-resolved", keep_together)
    app.connect("html-page-context", set_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
