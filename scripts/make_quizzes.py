"""Write the quizzes of the chapters for Moodle (GIFT) and Canvas (QTI 1.2).

    python scripts/make_quizzes.py [--output FOLDER] [--secret FILE]
    python scripts/make_quizzes.py --notebooks

The second line writes the questions into the notebooks, a cell each, instead.
The questions are those of `book/teaching/quizzes.yml`. Questions for a number come in variants.
The variants of the repository have public answers, as it has; for a quiz that is graded, keep a
secret in a file outside it: the numbers are then drawn anew by it, and their key is written beside
the quizzes. Questions with options, whose key is public, are left out then.
"""

import argparse
import csv
import functools
import hashlib
import math
import random
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from pathlib import Path
from xml.etree import ElementTree as ET

import nbformat
import yaml
from nbformat.v4 import new_markdown_cell

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "book" / "teaching" / "quizzes.yml"


def binomial(k: int, n: int, p: float) -> float:
    """The probability of at most k hits in n draws."""
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


KNOWN = {name: getattr(math, name) for name in "acos comb log log2 log10 pi sqrt".split()}
KNOWN |= {"binomial": binomial, "max": max}


@dataclass
class Question:
    """One variant of a question; `options` are empty where the answer is a number."""

    name: str
    ask: str
    because: str
    options: list[tuple[str, str, bool]]  # text, comment, whether it is right
    answer: float = math.nan
    margin: float = 0.0
    slips: tuple[tuple[float, str], ...] = ()


@functools.cache
def chapters() -> dict[str, list[dict]]:
    """The questions as they are written, by chapter."""
    return yaml.safe_load(SOURCE.read_text(encoding="utf-8"))


def variants(chapter: str, secret: bytes | None = None) -> Iterator[Question]:
    """Every question of a chapter in all its variants, or in one of its own for a secret."""
    for i, written in enumerate(chapters()[chapter], 1):
        name = f"{chapter}.Q{i}"
        numbers = written.get("numbers")
        if not numbers:
            yield with_options(name, written)
        elif secret is not None:
            yield with_numbers(name, written, drawn(written, secret + name.encode()))
        else:
            for j, values in enumerate(zip(*numbers.values(), strict=True), 1):
                yield with_numbers(f"{name}.{j}", written, dict(zip(numbers, values, strict=True)))


def with_options(name: str, written: dict) -> Question:
    """A question with options, in an order that does not tell the right one."""
    options = [(written["right"], written["because"], True)]
    options += [(wrong["option"], wrong["because"], False) for wrong in written["wrong"]]
    options.sort(key=lambda option: hashlib.sha256((name + option[0]).encode()).digest())
    return Question(name, written["ask"], written["because"], options)


def with_numbers(name: str, written: dict, numbers: dict[str, float]) -> Question:
    """A question for a number, with these numbers in it."""
    shown = {letter: f"{value:,}" for letter, value in numbers.items()}
    answer = value_of(written["answer"], numbers)
    margin = abs(answer) * written["within"] + 1e-12
    slips: list[tuple[float, str]] = []
    for slip in written["slips"]:
        value = value_of(slip["answer"], numbers)
        room = around(value)
        apart = all(abs(value - known) > room + around(known) for known, _ in slips)
        if value and apart and abs(value - answer) > room + margin:
            slips.append((value, slip["because"]))
    ask = re.sub(r"\{(\w+)\}", lambda found: shown.get(found[1], found[0]), written["ask"])
    return Question(name, ask, written["because"], [], answer, margin, tuple(slips))


def around(slip: float) -> float:
    """How far off a number is still taken for a slip."""
    return 0.005 * abs(slip)


def value_of(expression: str, numbers: dict[str, float]) -> float:
    """An expression of the file of questions, which is ours, at these numbers."""
    return float(eval(expression, {"__builtins__": {}} | KNOWN, numbers))


def drawn(written: dict, secret: bytes) -> dict[str, float]:
    """One of the listed values for each letter, or near it, as the secret has it.

    Drawn again where a slip would pass for the right answer.
    """
    chance = random.Random(hashlib.sha256(secret).digest())
    listed = written["numbers"]
    for _ in range(1000):
        row = chance.randrange(len(next(iter(listed.values()))))
        numbers = {letter: nearby(values[row], chance) for letter, values in listed.items()}
        answer = value_of(written["answer"], numbers)
        wrong = [value_of(slip["answer"], numbers) for slip in written["slips"]]
        margin = written["within"] * abs(answer)
        if all(abs(value - answer) > margin + around(value) for value in wrong):
            return numbers
    raise ValueError(f"no numbers tell right from wrong: {written['ask']}")


def nearby(value: float, chance: random.Random) -> float:
    """A number up to a quarter larger: whole if the listed one is, below 1 if it may be a share."""
    if isinstance(value, int):
        return value + chance.randrange(max(2, value // 4))
    room = 0.25 * (min(value, 1 - value) if value < 1 else value)
    return float(f"{value + chance.uniform(0, room):.3g}")


def plain(value: float) -> str:
    """A number without an exponent, which not every reader of these formats knows."""
    return format(Decimal(f"{value:.9g}"), "f")


# --- pages and notebooks --------------------------------------------------------------------------


def once(chapter: str) -> Iterator[tuple[str, Question]]:
    """The number and the first variant of each question, which is enough to read."""
    for question in variants(chapter):
        number, variant = re.fullmatch(r"\d\d\.Q(\d)(?:\.(\d))?", question.name).groups()
        if variant in (None, "1"):
            yield number, question


def said(question: Question) -> list[str]:
    """What is to be said of each answer, as the points of a list."""
    if question.options:
        return [
            f"- ({letter}) **{'Right' if right else 'No'}.** {comment}"
            for letter, (_, comment, right) in zip("abcdef", question.options, strict=False)
        ]
    slips = [f"- {readable(value)}: no. {comment}" for value, comment in question.slips]
    return [f"- **{readable(question.answer)}**. {question.because}", *slips]


def readable(value: float) -> str:
    """A number of four digits, or all of a large whole one."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def options(question: Question) -> list[str]:
    """The options with their letters, as the points of a list."""
    lettered = zip("abcdef", question.options, strict=False)
    return [f"- ({letter}) {text}" for letter, (text, _, _) in lettered]


def cell(chapter: str) -> str:
    """The questions of a chapter as the text of a notebook's cell, answers behind a click."""
    lines = [HEADING, "", "Answer each before you open what is said of it."]
    for number, question in once(chapter):
        lines += ["", f"**{number}.** {question.ask}", "", *options(question)]
        lines += ["", "<details>", "<summary>Answer</summary>", "", *said(question)]
        lines += ["", "</details>"]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


HEADING, LEARNED = "## Questions", "## What you have learned"


def write_into(path: Path) -> None:
    """Put the questions of its chapter into a notebook, before what has been learned."""
    notebook = nbformat.read(path, as_version=4)
    asked = [cell for cell in notebook.cells if "quiz" in cell.metadata.get("tags", [])]
    if asked:
        asked[0].source = cell(path.name[:2])
    else:
        starts = [cell.source.startswith(LEARNED) for cell in notebook.cells]
        made = new_markdown_cell(cell(path.name[:2]), metadata={"tags": ["quiz"]})
        made.id = f"questions-{path.name[:2]}"
        notebook.cells.insert(starts.index(True), made)
    nbformat.write(notebook, path)


# --- Moodle ---------------------------------------------------------------------------------------


def gift(questions: list[Question]) -> str:
    """The questions in Moodle's GIFT."""
    return "\n\n".join(map(gift_of, questions)) + "\n"


def gift_of(question: Question) -> str:
    """One question. Its answers stand in braces; what is said to each follows a #."""
    lines = [f"::{question.name}::[html]{escaped(question.ask)} {{"]
    if question.options:
        for text, said, right in question.options:
            lines.append(f"{'=' if right else '~'}{escaped(text)}#{escaped(said)}")
    else:
        lines[0] += "#"
        lines.append(
            f"={plain(question.answer)}:{plain(question.margin)}#{escaped(question.because)}"
        )
        for value, said in question.slips:
            lines.append(f"=%0%{plain(value)}:{plain(around(value))}#{escaped(said)}")
    return "\n".join([*lines, "}"])


def escaped(text: str) -> str:
    """A text in GIFT, with a backslash before what has a meaning there."""
    return re.sub(r"([~=#{}:\\])", r"\\\1", html(text))


def html(text: str) -> str:
    r"""A text as HTML, with $...$ as \(...\), which Moodle and Canvas set.

    Not as Markdown, in which a backslash before a parenthesis means the parenthesis.
    """
    pieces = escape(text, quote=False).split("$")
    for i, piece in enumerate(pieces):
        if i % 2:
            pieces[i] = rf"\({piece}\)"
        else:
            emphasised = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", piece)
            pieces[i] = re.sub(r"`([^`]+)`", r"<code>\1</code>", emphasised)
    return "".join(pieces)


# --- Canvas ---------------------------------------------------------------------------------------


def qti(title: str, questions: list[Question]) -> bytes:
    """An assessment in QTI 1.2, as Canvas imports it."""
    root = ET.Element("questestinterop", xmlns="http://www.imsglobal.org/xsd/ims_qtiasiv1p2")
    assessment = ET.SubElement(root, "assessment", ident=ident(title), title=title)
    section = ET.SubElement(assessment, "section", ident="root_section")
    for question in questions:
        section.append(qti_item(question))
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def qti_item(question: Question) -> ET.Element:
    """One question: what is shown, which answers count, what is said to each."""
    kind = "multiple_choice_question" if question.options else "numerical_question"
    item = ET.Element("item", ident=ident(question.name), title=question.name)
    metadata = ET.SubElement(ET.SubElement(item, "itemmetadata"), "qtimetadata")
    for label, entry in [("question_type", kind), ("points_possible", "1.0")]:
        field = ET.SubElement(metadata, "qtimetadatafield")
        ET.SubElement(field, "fieldlabel").text = label
        ET.SubElement(field, "fieldentry").text = entry
    presentation = ET.SubElement(item, "presentation")
    material(presentation, question.ask)
    processing = ET.SubElement(item, "resprocessing")
    outcomes = ET.SubElement(processing, "outcomes")
    ET.SubElement(
        outcomes, "decvar", maxvalue="100", minvalue="0", varname="SCORE", vartype="Decimal"
    )
    (qti_options if question.options else qti_number)(item, presentation, processing, question)
    return item


def qti_options(item, presentation, processing, question):
    """The options of a question, and what is said to each."""
    response = ET.SubElement(presentation, "response_lid", ident="response1", rcardinality="Single")
    choices = ET.SubElement(response, "render_choice")
    for i, (text, said, right) in enumerate(question.options, 1):
        label = ET.SubElement(choices, "response_label", ident=str(i))
        material(label, text)
        comment(processing, f"{i}_fb", right).append(equal(str(i)))
        feedback(item, f"{i}_fb", said)


def qti_number(item, presentation, processing, question):
    """The range of right answers, and those around slips."""
    response = ET.SubElement(presentation, "response_str", ident="response1", rcardinality="Single")
    ET.SubElement(
        ET.SubElement(response, "render_fib", fibtype="Decimal"), "response_label", ident="answer1"
    )
    ranges = [(question.answer, question.margin, question.because, True)]
    ranges += [(value, around(value), said, False) for value, said in question.slips]
    for i, (value, margin, said, right) in enumerate(ranges, 1):
        between = ET.SubElement(comment(processing, f"{i}_fb", right), "and")
        ET.SubElement(between, "vargte", respident="response1").text = plain(value - margin)
        ET.SubElement(between, "varlte", respident="response1").text = plain(value + margin)
        feedback(item, f"{i}_fb", said)


def material(parent: ET.Element, text: str) -> None:
    """A text that is shown."""
    shown = ET.SubElement(ET.SubElement(parent, "material"), "mattext", texttype="text/html")
    shown.text = html(text)


def equal(value: str) -> ET.Element:
    """The condition that this option was chosen."""
    condition = ET.Element("varequal", respident="response1")
    condition.text = value
    return condition


def comment(processing: ET.Element, name: str, right: bool) -> ET.Element:
    """The condition, still empty, under which a comment is shown and the points are given."""
    condition = ET.SubElement(processing, "respcondition", attrib={"continue": "No"})
    variable = ET.SubElement(condition, "conditionvar")
    if right:
        ET.SubElement(condition, "setvar", action="Set", varname="SCORE").text = "100"
    ET.SubElement(condition, "displayfeedback", feedbacktype="Response", linkrefid=name)
    return variable


def feedback(item: ET.Element, name: str, said: str) -> None:
    """What is said to an answer."""
    material(ET.SubElement(ET.SubElement(item, "itemfeedback", ident=name), "flow_mat"), said)


def ident(name: str) -> str:
    """An identifier made of a name."""
    return "q" + re.sub(r"\W", "_", name)


MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="{0}" xmlns="http://www.imsglobal.org/xsd/imscp_v1p1">
  <organizations/>
  <resources>
    <resource identifier="{0}_r" type="imsqti_xmlv1p2" href="{0}.xml">
      <file href="{0}.xml"/>
    </resource>
  </resources>
</manifest>
"""


def write_qti(path: Path, title: str, questions: list[Question]) -> None:
    """The assessment with its manifest, in the archive that Canvas takes."""
    name = ident(title)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("imsmanifest.xml", MANIFEST.format(name))
        archive.writestr(f"{name}.xml", qti(title, questions))


def secret_in(path: Path | None, output: Path) -> bytes | None:
    """What a file holds, if it and what is made of it stay outside the repository."""
    if path is None:
        return None
    if any(place.resolve().is_relative_to(ROOT) for place in (path, output)):
        raise ValueError(
            f"--secret: {path} and {output} have to lie outside the repository, where nobody "
            "publishes them; give --output FOLDER."
        )
    secret = path.read_bytes().strip()
    if len(secret) < 8:
        raise ValueError(f"--secret: {path} holds fewer than eight characters; anybody guesses it.")
    return secret


def write_key(path: Path, questions: list[Question]) -> None:
    """The right answers, for who grades by hand."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["question", "asked", "answer", "give or take"])
        for q in questions:
            table.writerow([q.name, q.ask, plain(q.answer), plain(q.margin)])


def main() -> None:
    """Write a file of each kind for every chapter; for a secret, of questions for numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "editions" / "quizzes")
    parser.add_argument("--secret", type=Path, help="a file whose contents choose the numbers")
    parser.add_argument("--notebooks", action="store_true", help="write them into the notebooks")
    args = parser.parse_args()
    if args.notebooks:
        for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
            write_into(path)
        return
    try:
        secret = secret_in(args.secret, args.output)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    args.output.mkdir(parents=True, exist_ok=True)
    key = []
    for chapter in chapters():
        questions = list(variants(chapter, secret))
        if secret is not None:  # the others have a key that is public
            questions = [question for question in questions if not question.options]
            key += questions
        title = f"Chapter {chapter}"
        (args.output / f"{chapter}.gift").write_text(gift(questions), encoding="utf-8")
        write_qti(args.output / f"{chapter}_qti.zip", title, questions)
    if secret is not None:
        write_key(args.output / "key.csv", key)
    print(f"quizzes: {args.output}")


if __name__ == "__main__":
    main()
