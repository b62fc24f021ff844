"""Warnings that point at the reader's own line, however deep in the package they arise."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType

import jaxtyping

# Frames that are not the reader's: the package, and what checks its annotated shapes in tests.
_OURS = tuple(os.path.dirname(file) + os.sep for file in (__file__, jaxtyping.__file__))


def warn(message: str) -> None:
    """Warn at the innermost line outside the package, so that no caller has to count frames."""
    level, frame = 2, sys._getframe(1)
    while _is_ours(frame) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def _is_ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(_OURS) or file.startswith("<@beartype")
