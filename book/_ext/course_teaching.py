"""What the pages for teachers are made of: times and prerequisites, quizzes, assignments.

All of it is read from the notebooks, the record of their runs, and the files of questions.
"""

import re
import textwrap
from html import escape
from pathlib import Path

import make_editions
import make_quizzes
import make_slides
from course_pages import notebooks, recorded

from ibhelpers.exercises.assignments import read_assignment

NEEDS = "**You need**"
WIDTH, HEIGHT, GAP = 152, 46, 14  # of a chapter in the graph, in pixels; and between two


def times() -> str:
    """A row for every chapter: what it needs, how long it takes, its exercises, its run."""
    lines = [
        "| chapter | builds on | reading | exercises | running |",
        "|---|---|---|---:|---:|",
    ]
    for path, notebook, title in notebooks():
        minutes = make_editions.expected_minutes(notebook.cells)
        record = recorded(path, notebook)
        ran = f"{record.get('processor_seconds', record['seconds']):,.0f} s" if record else ""
        needed = ", ".join(sorted(needs(notebook))) or "nothing"
        exercises = f"{len(minutes)}, about {sum(minutes.values())} min"
        lines.append(f"| {title} | {needed} | {reading(notebook)} | {exercises} | {ran} |")
    return "\n".join(lines)


def opening(notebook) -> str:
    """The first text of a chapter, with its outcomes, its prerequisites and its times."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return next(text for text in texts if NEEDS in text)


def needs(notebook) -> set[str]:
    """Numbers of the chapters that a chapter says it needs; not those it says are not needed."""
    text = opening(notebook).partition(NEEDS)[2].partition("**Time:**")[0]
    text = re.sub(r"\[[^]]*\]\([^)]*\)[^.;]*\bbut\b[^.;]*", "", text)
    return set(re.findall(r"\]\((\d\d)_", text))


def reading(notebook) -> str:
    """What a chapter says of its time."""
    found = re.search(r"\*\*Time:\*\* ([^,;.]+)", opening(notebook).replace("\n", " "))
    return re.sub(r" to read.*| for the.*", "", found[1])


def duration() -> str:
    """How long all chapters take, and the first seven."""
    minutes = [taken(notebook) for _, notebook, _ in notebooks()]

    def hours(some: list[int]) -> str:
        return f"{sum(some) / 60:.0f} hours"

    return (
        f"{len(minutes)} chapters, about {hours(minutes)} with their exercises; chapters 00 to "
        f"06 alone, {hours(minutes[:7])}"
    )


def in_minutes(said: str) -> int:
    """A time that a chapter names: "an hour", "fifty minutes", "40 minutes"."""
    number = said.split()[0]
    return {"an": 60, "fifty": 50}.get(number) or int(number)


PATH = {
    "00": "the question, and the whole answer in small",
    "01": "bits counted by hand",
    "02": "spaces that the training data choose",
    "03": "the law of the loss, in four steps",
    "04": "its tail, without the optional parts",
    "05": "five guesses from samples, marked",
    "06": "what samples can certify",
    "07": "four tasks beside each other",
    "10": "networks as hypotheses",
    "12": "error rates",
    "13": "what an example is worth",
    "14": "your own data",
    "18": "how a task is made harder",
}


def path() -> str:
    """The chapters of the core path, and after how many hours each is done."""
    lines = ["| chapter | for | hours so far |", "|---|---|---:|"]
    minutes = 0
    for file, notebook, title in notebooks():
        if (number := file.name[:2]) in PATH:
            minutes += taken(notebook)
            lines.append(f"| {title} | {PATH[number]} | {minutes / 60:.1f} |")
    return "\n".join(lines)


def taken(notebook) -> int:
    """Minutes that a chapter takes, reading and exercises together."""
    exercises = make_editions.expected_minutes(notebook.cells).values()
    return in_minutes(reading(notebook)) + sum(exercises)


def prerequisites() -> str:
    """The chapters as a graph: an arrow leads from each to those that need it."""
    edges = {path.name[:2]: needs(notebook) for path, notebook, _ in notebooks()}
    titles = {path.name[:2]: title for path, _, title in notebooks()}
    depth: dict[str, int] = {}
    for number in sorted(edges):  # a chapter needs earlier ones only
        depth[number] = 1 + max((depth[needed] for needed in edges[number]), default=-1)
    rows = [[n for n in depth if depth[n] == row] for row in range(max(depth.values()) + 1)]
    widest = max(len(row) for row in rows)
    place = {}
    for y, row in enumerate(rows):
        left = (widest - len(row)) * (WIDTH + GAP) / 2
        for x, number in enumerate(row):
            place[number] = left + x * (WIDTH + GAP) + GAP, y * (HEIGHT + 3 * GAP) + GAP
    arrows = [arrow(place[a], place[b]) for b in edges for a in sorted(edges[b])]
    short = {n: re.sub(r"\[([^]:]*).*", r"\1", title) for n, title in titles.items()}
    boxes = [box(place[n], short[n]) for n in edges]
    width = widest * (WIDTH + GAP) + GAP
    height = len(rows) * (HEIGHT + 3 * GAP)
    said = "; ".join(
        f"{n} needs {', '.join(sorted(edges[n]))}" if edges[n] else f"{n} needs nothing"
        for n in edges
    )
    return "\n".join(
        [
            "```{raw} html",
            '<div class="chapters" tabindex="0">',
            f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img"',
            f'aria-label="Which chapter needs which: {escape(said)}.">',
            *arrows,
            *boxes,
            "</svg></div>\n```",
        ]
    )


def arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A line from the foot of one box to the head of another."""
    x0, y0, x1, y1 = start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1]
    middle = (y0 + y1) / 2
    return (
        f'<path d="M{x0:g} {y0:g}C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1:g}" '
        'fill="none" stroke="currentColor" stroke-opacity="0.45"/>'
    )


def box(corner: tuple[float, float], title: str) -> str:
    """A chapter's title in a frame, in two lines where it is long."""
    x, y = corner
    lines = textwrap.wrap(title, 22)
    top = y + HEIGHT / 2 + 4 - 7.5 * (len(lines) - 1)
    middle = f'x="{x + WIDTH / 2:g}"'
    spans = (
        f'<tspan {middle} y="{top + 15 * i:g}">{escape(line)}</tspan>'
        for i, line in enumerate(lines)
    )
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" '
        'style="fill: var(--pst-color-surface); stroke: currentColor"/>'
        f'<text text-anchor="middle" font-size="11.5" fill="currentColor">{"".join(spans)}</text>'
    )


def quizzes() -> str:
    """Every question with its options, and what is to be said of each behind a click."""
    titles = {path.name[:2]: title for path, _, title in notebooks()}
    lines = []
    for chapter in make_quizzes.chapters():
        lines += [f"(questions-{chapter})=", f"## {titles[chapter]}", ""]
        for number, question in make_quizzes.once(chapter):
            lines += [f"**{chapter}.Q{number}.** {question.ask}", ""]
            lines += make_quizzes.options(question)
            lines += ["", ":::{admonition} Answer", ":class: dropdown", ""]
            lines += [*make_quizzes.said(question), ":::", ""]
    return "\n".join(lines)


def slides() -> str:
    """A link to the slides of each chapter that has some, which lie beside the pages."""
    titles = {path.name[:2]: re.sub(r"\[(.*)\].*", r"\1", title) for path, _, title in notebooks()}
    links = [
        f'<li><a href="../../slides/{n}.html">{titles[n]}</a></li>' for n in make_slides.decks()
    ]
    return "\n".join(["```{raw} html", "<ul>", *links, "</ul>", "```"])


def write_slides(app, exception) -> None:
    """Make the slides, which share reveal.js and MathJax with the book."""
    if exception is None and app.builder.format == "html":
        make_slides.write(Path(app.outdir) / "slides", "../_static")


def assignments() -> str:
    """The four assignments at the numbers of nobody, with their points and rubrics."""
    lines = []
    for which in "1234":
        found = read_assignment(which)
        total = sum(found.points.values())
        lines += [
            f"## Assignment {which}: {found.title}",
            "",
            f"{found.opening} {total:g} points.",
            "",
        ]
        for question in found.questions:
            numbers = question.numbers(b"", "the page of this book")
            asks = question.variant.check(**numbers).asks
            lines += [
                f"**{question.name}** ({question.points:g} points, exercise {question.like}). "
                f"{question.asks(numbers)} *Asked for:* {asks}.",
                "",
            ]
        for written in found.written:
            lines += [f"**{written.name}** ({written.points:g} points, read). {written.text}", ""]
            lines += ["| points | for |", "|---:|---|"]
            lines += [f"| {n} | {written.levels[n]} |" for n in sorted(written.levels)[::-1]]
            lines.append("")
    return "\n".join(lines)


MADE = {
    "assignments": assignments,
    "times": times,
    "path": path,
    "prerequisites": prerequisites,
    "quizzes": quizzes,
    "duration": duration,
    "slides": slides,
}


def fill(app, docname, source):
    """Put them where a page asks for them."""
    if docname.startswith("book/"):
        for name, make in MADE.items():
            if f"<!-- {name} -->" in source[0]:
                text = make()
                if docname.startswith("book/teaching/"):  # a folder deeper
                    text = text.replace("](../notebooks", "](../../notebooks")
                source[0] = source[0].replace(f"<!-- {name} -->", text)


def setup(app):
    app.connect("source-read", fill)
    app.connect("build-finished", write_slides)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
