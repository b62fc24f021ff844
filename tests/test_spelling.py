"""The text of the course is spelt as in Britain, and without common typing errors."""

import ast
import re
from pathlib import Path

import codespell_lib
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
DICTIONARIES = Path(codespell_lib.__file__).parent / "data"
# British in the dictionary's left column, American in its right one.
PAIRS = [
    line.split("->")
    for line in (DICTIONARIES / "dictionary_en-GB_to_en-US.txt").read_text().splitlines()
]
AMERICAN = {
    word.strip(): british for british, words in PAIRS for word in words.split(",") if word.strip()
}
TYPING_ERRORS = dict(
    line.split("->", 1) for line in (DICTIONARIES / "dictionary.txt").read_text().splitlines()
)
# Terms as the field's papers and packages spell them, and words that are British in another sense.
TERMS = {"biased", "generalized", "generalization", "optimizer", "optimizers"}
TERMS |= {"licensed", "math", "program", "programs", "story"}
NOT_PROSE = re.compile(
    r"``.*?``|`.*?`|\.\. math:: .*?\n\n|\$\$.*?\$\$|\$.*?\$|https?://\S+|\]\([^)]*\)|^ *>>>.*?$"
    r"|<[^>\n]+>",
    re.DOTALL | re.MULTILINE,
)


def texts():
    """Every text of the course, by where it stands."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield path.name, "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
        descriptions = [str(c.metadata.get("mystnb", "")) for c in cells]
        yield f"{path.name}, descriptions of figures", "\n".join(descriptions)
    pages = [*ROOT.glob("*.md"), *ROOT.glob("book/*.md"), *ROOT.glob("book/[!_]*/**/*.md")]
    for path in [*sorted(pages), ROOT / "book" / "teaching" / "quizzes.yml"]:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    yield "data/README.md", (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "ibhelpers").rglob("*.py")):
        yield str(path.relative_to(ROOT)), docstrings(path.read_text(encoding="utf-8"))


def docstrings(code: str) -> str:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, kinds)]
    return "\n\n".join(filter(None, map(ast.get_docstring, nodes)))


def outside_code_blocks(text: str) -> str:
    """The lines of a text that are not in a code block; those of a directive count as text."""
    kept, directives, in_code = [], 0, False
    for line in text.splitlines():
        if not line.strip().startswith("```"):
            kept += [] if in_code else [line]
        elif line.strip() != "```" and "{" in line:
            directives += 1
            kept.append(line.partition("}")[2])
        elif in_code or not directives:
            in_code = not in_code
        else:
            directives -= 1
    return "\n".join(kept)


def words(text: str) -> set[str]:
    """The words of a text as they are written, without code, formulas and addresses."""
    return set(re.findall(r"\b[^\W\d_]+\b", NOT_PROSE.sub(" ", outside_code_blocks(text))))


TEXTS = dict(texts())


def american(text: str) -> dict[str, str]:
    found = {w for w in words(text) if w.lower() in AMERICAN and w.lower() not in TERMS}
    return {word: AMERICAN[word.lower()] for word in sorted(found)}


def mistyped(text: str) -> dict[str, str]:
    return {w: TYPING_ERRORS[w.lower()] for w in sorted(words(text)) if w.lower() in TYPING_ERRORS}


@pytest.mark.parametrize("where", TEXTS)
def test_spelling_is_british(where):
    assert not american(TEXTS[where])


@pytest.mark.parametrize("where", TEXTS)
def test_nothing_is_mistyped(where):
    assert not mistyped(TEXTS[where])


def test_faults_are_noticed_in_prose_alone():
    assert american("The color of `color`, and $color$") == {"color": "colour"}
    exercise = "```{exercise-start} The neighbor\n```\ngray\n```\ncolor\n```\nfavor"
    assert american(exercise).keys() == {"favor", "gray", "neighbor"}
    assert american("We Analyze.") == {"Analyze": "analyse"}
    assert mistyped("It occured to `teh` reader") == {"occured": "occurred"}
    assert docstrings('def f():\n    """The neighbor."""\n    color = 1\n') == "The neighbor."
