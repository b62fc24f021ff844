"""Numbers that a text quotes, and numbers that a notebook computed."""

import math
import re

import run_notebooks

NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|\.\d|,\d{3})")
NOT_A_RESULT = re.compile(
    r"\*\*Time:\*\*.*|\*\*Asked for:\*\*.*|^#+ (?:Exercise|Solution of) \d\d\.\d|`[^`]*`"
    r"|\\tag\{\d+\}|\bequation \(\d+\)"
    r"|\b9[59](?:\.\d)? %(?= (?:interval|confidence|limit))|\b19 times (?:out )?of 20\b"  # levels
    r"|\[\d\d\]\([^)]*\)|\]\([^)]*\)|https?://\S+"  # links
    r"|arXiv:\S+|[Cc]hapters? \d\d(?:(?:,| and| to) \d\d)*|\b0\d\b"  # references
    r"|\b(?:19|20)\d\d\b(?!\d|,\d)",  # years
    re.MULTILINE,
)


def quoted(markdown: str, digits: int = 2) -> list[str]:
    """Numbers of so many significant digits or more in a text, as they are written."""
    text = NOT_A_RESULT.sub(" ", markdown.replace("{,}", ",").replace("\\,", " "))
    found = [n.replace(",", "") for n in NUMBER.findall(text)]
    return [n for n in found if len(n.replace(".", "").strip("0")) >= digits]


def computed(cells: list) -> set[float]:
    """Numbers in the code and in the printed outputs of a notebook."""
    found = set()
    for cell in cells:
        if cell.cell_type == "code":
            said = [run_notebooks.plain_text(out) for out in cell.outputs]
            text = "\n".join([cell.source, *said]).replace("_", "")
            for number, exponent in NUMERAL.findall(text):
                value, power = float(number.replace(",", "")), int(exponent or 0)
                found |= {value, abs(power), value * 10.0 ** max(min(power, 300), -300)}
    return found


NUMERAL = re.compile(r"(\d+(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*)(?:[eE]([+-]?\d+))?")


def is_among(number: str, numbers: set[float]) -> bool:
    """Whether a number, or one that rounds to it, is there; a fraction stands for its per cent."""
    zeros = len(number) - len(number.rstrip("0"))  # of 13000: about 13,000
    decimals = len(number.partition(".")[2]) if "." in number else -zeros
    return any(round(x * scale, decimals) == float(number) for x in numbers for scale in (1, 100))


# 64 - 40 = 24, \\sqrt{0.058} = 0.24, 1/\\log 2 \\approx 1.44, \\log_2 1000 = 10
EQUATION = re.compile(r"([-+*/ \d.(){}\\a-z_]*\d[ }]*)(?:=|\\approx) *(\d+(?:\.\d+)?)")
IN_PYTHON = {r"\cdot": "*", r"\log_2": "log2", r"\log": "log", r"\sqrt": "sqrt"}


def derived(markdown: str) -> set[float]:
    """What the prose's own arithmetic gives: the left sides of equations between numbers."""
    found = set()
    for left, _ in EQUATION.findall(markdown.replace("{,}", "")):
        for latex, python in IN_PYTHON.items():
            left = left.replace(latex, python)
        left = re.sub(r"(log2?) +([\d.]+)", r"\1(\2)", left.translate(str.maketrans("{}", "()")))
        if re.fullmatch(r"(?:log2?\(|sqrt\(|[-+*/ \d.()])+", left):
            try:
                found.add(float(eval(left, {"__builtins__": {}}, vars(math))))
            except (SyntaxError, ArithmeticError, TypeError):
                continue  # a part of something longer
    return found
