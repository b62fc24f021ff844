"""Run one submission, where no check is installed, and hand back its answers.

The grader starts this file with a Python of its own, in a folder of its own, and gives it one line
of JSON: the code, the names of the answers, and what the answers that are functions are to be
called with. It closes the fence behind itself before it looks at the code. What it finds goes out
as lines of JSON, an answer a line, from the moment that an answer is there: whoever loops for ever
later has answered all the same. The last line about an answer counts.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import json
import numbers
import os
import re
import sys
import traceback
import types
from collections.abc import Callable, Iterable
from typing import Any

_LONGEST = 200_000  # characters of an answer
_MOST = 100_000  # numbers in one


def main() -> None:
    """Read what to do, close the fence, do it."""
    order = json.loads(sys.stdin.readline())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what is printed is no answer

    def send(**line: Any) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    send(fence=_closed(order))
    sys.path[:] = order["path"]
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    space = vars(module)
    space["display"] = print  # which a notebook has
    kept: dict[str, Any] = {}
    for number, code, goes_on in _pieces(order["cells"], order["script"]):
        error = _run(code, space)
        _send_new(order, space, kept, send)
        if error:
            send(cell=number, error=error)
        if error and not goes_on:
            break
    _send_all(order, space, send)
    send(done=True)
    sys.stderr.flush()
    os._exit(0)  # whatever waits to be run at the end


def _closed(order: dict[str, Any]) -> str:
    """Close the fence; why it is open, where the system has none."""
    import _fence  # type: ignore[import-not-found]  # beside this file in the sandbox

    os.chdir(order["writable"][0])
    try:
        _fence.close(order["readable"], order["writable"], order["memory"], order["seconds"])
    except _fence.Open as error:
        if order["fenced"]:
            raise
        return str(error)
    return ""


def _pieces(cells: list[str], script: bool) -> Iterable[tuple[int, Any, bool]]:
    """What is run at once: number, code, and whether to go on if it fails.

    Of a notebook each cell, and a cell that fails does not stop those below it; of a script each
    statement, so that what was answered before a failure counts.
    """
    flags = 0
    for number, source in enumerate(cells, 1):
        try:
            tree = ast.parse(source if script else _plain_cell(source))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            yield number, error, not script
            continue
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                for alias in node.names:
                    flags |= getattr(__future__, alias.name).compiler_flag
        for body in ([node] for node in tree.body) if script else [tree.body]:
            part = ast.Module(body, [])
            try:
                yield (
                    number,
                    compile(part, f"<cell {number}>", "exec", flags, dont_inherit=True),
                    not script,
                )
            except (SyntaxError, ValueError, RecursionError) as error:
                yield number, error, not script


def _plain_cell(source: str) -> str:
    """A cell without what is for a notebook alone: lines that begin with % or !, or end in ?."""
    try:
        ast.parse(source)
        return source
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    lines = source.split("\n")
    if lines[0].startswith("%%"):
        if lines[0].split()[0] not in ("%%time", "%%timeit", "%%capture"):
            return ""
        lines[0] = ""
    return "\n".join(
        re.sub(r"^(\s*)(?:[%!].*|\?.*|[\w.]+\?+\s*)$", r"\1pass", line) for line in lines
    )


def _run(code: Any, space: dict[str, Any]) -> str:
    """Run a piece; what it raised, in a line."""
    try:
        if isinstance(code, Exception):
            raise code
        exec(code, space)
    except SystemExit:
        return "It ended itself."
    except BaseException as error:
        traceback.print_exc()
        return _words(error)
    return ""


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except BaseException:
        return type(error).__name__


def _send_new(order: dict, space: dict[str, Any], kept: dict[str, Any], send: Callable) -> None:
    """The answers that are there since the last time, but for functions."""
    for name in order["answers"]:
        value = space.get(name)
        if name in space and kept.get(name, kept) is not value and not callable(value):
            kept[name] = value
            send(name=name, answer=_plain(value))


def _send_all(order: dict, space: dict[str, Any], send: Callable) -> None:
    """Every answer once more, as it is in the end; of functions, what they return."""
    functions = []
    for name, calls in order["answers"].items():
        value = space.get(name, ...)
        if calls and callable(value):
            functions.append((name, value, calls))
        elif name in space:
            send(name=name, answer=_plain(value))
    for name, function, calls in functions:  # last: one may run for ever
        send(name=name, answer={"type": "calls", "results": [_result(function, c) for c in calls]})


def _result(function: Callable, arguments: list) -> Any:
    try:
        return _plain(function(*(_array(argument) for argument in arguments)))
    except SystemExit:
        return {"type": "raised", "words": "it ended the program"}
    except BaseException as error:
        return {"type": "raised", "words": _words(error)}


def _array(argument: Any) -> Any:
    """A list as the array that it stands for."""
    if not isinstance(argument, list):
        return argument
    import numpy as np

    return np.array(argument, dtype=float)


def _plain(value: Any) -> Any:
    """An answer as JSON has it; of what JSON cannot hold, its type."""
    try:
        plain = _simple(value, [_MOST])
        return plain if len(json.dumps(plain)) <= _LONGEST else {"type": "too much"}
    except BaseException:
        return {"type": type(value).__name__[:60]}


def _simple(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise OverflowError
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value[:1000]
    if value is ...:
        return {"type": "ellipsis"}
    if isinstance(value, int) and abs(value) > 10**300:
        return {"type": "huge", "sign": -1 if value < 0 else 1}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, (list, tuple, range)):
        return [_simple(item, left) for item in value]
    for turned in ("detach", "to_numpy", "tolist"):  # tensors, tables, arrays
        if hasattr(value, turned) and not isinstance(value, type):
            return _simple(getattr(value, turned)(), left)
    return {"type": "function" if builtins.callable(value) else type(value).__name__[:60]}


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
