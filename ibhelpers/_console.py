"""Text that any console can print: symbols that its encoding lacks are spelled out."""

from __future__ import annotations

import sys
import unicodedata

_SPELLED = {
    "±": "+/-",
    "∞": "inf",
    "−": "-",
    "–": "-",
    "×": "x",
    "·": "*",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "√": "sqrt ",
    "→": "->",
    "…": "...",
    "’": "'",
}


def printable(text: str) -> str:
    """The text as it is where standard output can print it, else in symbols that it has.

    Examples
    --------
    >>> printable("1.0 ± 0.1")
    '1.0 ± 0.1'
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return "".join(_in(encoding, symbol) for symbol in text)


def _in(encoding: str, symbol: str) -> str:
    """A symbol, or what is nearest to it in an encoding."""
    name = unicodedata.name(symbol, "?")
    for candidate in (
        symbol,
        _SPELLED.get(symbol, symbol),
        unicodedata.normalize("NFKD", symbol)[:1],  # ² is a 2, é an e
        name.split()[-1].lower() if name.startswith("GREEK") else "?",
    ):
        try:
            candidate.encode(encoding)
        except UnicodeEncodeError:
            continue
        return candidate
    return "?"
