"""Code without its assertions, as students get it, and without what was computed for them alone."""

import ast

from notebook_form import only_asserts, parse, roles


def left_without_asserts(cells: list) -> dict[str, str]:
    """The code of each cell without its assertions, by the cell's id.

    What was computed for them alone goes with them: loops that asserted and now only give names to
    values, and whole cells of that kind, if nothing below needs the names.
    """
    left: dict[str, str] = {}
    needed: set[str] = set()
    for cell, role, _ in reversed(list(roles(cells))):
        if cell.cell_type != "code" or role == "check":
            continue
        statements = parse(cell.source).body
        asserting = [one for one in statements if any(map(is_assert, ast.walk(one)))]
        idle, below = [], needed
        for statement in reversed(statements):
            if only_names(statement) and not stored(statement) & below:
                idle.append(statement)
            else:
                below = above(statement, below)
        if asserting and len(idle) == len(statements):
            continue
        gone = [one for one in idle if one in asserting]
        left[cell.id] = without(cell.source, gone)
        for statement in reversed(statements):
            needed = needed if statement in gone else above(statement, needed)
    return left


def without(source: str, gone: list[ast.stmt]) -> str:
    """The code of a cell without these statements, assertions, and loops that only assert."""
    lines: list[str | None] = [*source.split("\n")]
    places = {one.lineno for one in gone}
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.stmt) and (only_asserts(node) or node.lineno in places):
            for line in range(node.lineno - 1, node.end_lineno):
                lines[line] = None
    return "\n".join(line for line in lines if line is not None).strip("\n")


def is_assert(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert)


def only_names(statement: ast.stmt) -> bool:
    """Whether a statement does nothing but assert, and give names to values."""
    if isinstance(statement, (ast.For, ast.If, ast.With)):
        return all(map(only_names, [*statement.body, *getattr(statement, "orelse", [])]))
    if isinstance(statement, ast.Assign):
        nodes = [node for target in statement.targets for node in ast.walk(target)]
        return not any(isinstance(node, (ast.Subscript, ast.Attribute)) for node in nodes)
    return isinstance(statement, (ast.Assert, ast.FunctionDef))


def above(statement: ast.stmt, below: set[str]) -> set[str]:
    """The names that are needed above a statement, if these are needed below it."""
    if isinstance(statement, (ast.Assign, ast.FunctionDef)):
        below = below - stored(statement)
    return below | loaded(statement)


def stored(node: ast.AST) -> set[str]:
    """The names that a statement may bind."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    found = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
    return {one.id for one in found if not isinstance(one.ctx, ast.Load)}


def loaded(node: ast.AST) -> set[str]:
    """The names that a statement needs, outside its assertions."""
    if is_assert(node):
        return set()
    inside: set[str] = set()  # what is known inside it alone
    if isinstance(node, ast.FunctionDef):
        inside = {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
    elif isinstance(node, ast.For):
        inside = stored(node.target)
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        inside = set().union(*(stored(one.target) for one in node.generators))
    elif isinstance(node, ast.AugAssign):
        return stored(node.target) | loaded(node.target) | loaded(node.value)
    elif isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    return set().union(*map(loaded, ast.iter_child_nodes(node))) - inside
