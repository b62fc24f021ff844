"""``python -m ibhelpers``: ``quickstart``, ``bits``, ``check``, ``data``, ``assign``, ``grade``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from .command_line.quickstart import quickstart
from .tasks import commands as data_commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 if all is well and 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m ibhelpers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("quickstart", help="measure the inductive bias of a real task on real data")
    commands.add_parser("check", help="find out what is wrong with an installation")
    data = commands.add_parser("data", help="the data files: what there is, and how to get more")
    actions = data.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("list", help="list the data files, and which of them are here")
    fetch = actions.add_parser("fetch", help="download the files of a data set")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="such as mnist, as `list` has them")
    actions.add_parser("verify", help="compare every file that is here with its checksum")
    actions.add_parser("where", help="say in which folders files are looked for")
    table = commands.add_parser("bits", help="measure a table of your own, and write a report")
    table.add_argument("path", help="a CSV or other text file, or a parquet file")
    table.add_argument("--target", required=True, help="the column that is to be learned")
    table.add_argument("--classes", action="store_true", help="the target's numbers are classes")
    table.add_argument("--impute", action="store_true", help="fill in what is missing")
    table.add_argument("--drop", nargs="*", default=(), metavar="COLUMN", help="not to be used")
    table.add_argument("--groups", metavar="COLUMN", help="groups that are not to be torn apart")
    table.add_argument("--time", metavar="COLUMN", help="its latest rows are tested on")
    table.add_argument("--seed", type=int, default=0, help="of the splits (0)")
    table.add_argument("--output", metavar="FILE", help="of the report (NAME_bits.html)")
    _add_grading(commands)
    chosen = parser.parse_args(arguments)

    if chosen.command == "quickstart":
        return quickstart()
    if chosen.command == "bits":
        from .command_line.report import (
            bits_of_table,  # for which pandas and scikit-learn are imported
        )

        return bits_of_table(
            chosen.path,
            chosen.target,
            chosen.output,
            seed=chosen.seed,
            classes=chosen.classes or None,
            impute=chosen.impute,
            groups=chosen.groups,
            time=chosen.time,
            drop=chosen.drop,
        )
    if chosen.command in ("assign", "grade"):
        return _grading(chosen)
    if chosen.command == "check":
        import ibhelpers_check  # beside the package, so that it also runs where the package cannot

        return ibhelpers_check.check()
    try:
        if chosen.action == "fetch":
            return data_commands.fetch(chosen.names)
        run = {
            "list": data_commands.list_,
            "verify": data_commands.verify,
            "where": data_commands.where,
        }
        return run[chosen.action]()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1


def _add_grading(commands: Any) -> None:
    """For who teaches: to hand out assignments, and to mark what comes back."""
    out = commands.add_parser("assign", help="write an assignment for each student of a class")
    back = commands.add_parser("grade", help="run and mark what a class handed in")
    out.add_argument("assignment", help="1 to 4, or a file of your own")
    back.add_argument("folder", help="with a file or folder for each student")
    back.add_argument("--assignment", required=True, help="1 to 4, or a file of your own")
    for parser, written in ((out, "handout"), (back, "grades")):
        parser.add_argument("--students", required=True, metavar="FILE", help="one name a line")
        parser.add_argument(
            "--secret", required=True, metavar="FILE", help="draws the numbers; - reads a line"
        )
        parser.add_argument("--output", default=written, metavar="FOLDER", help=f"({written})")
    back.add_argument("--points", metavar="FILE", help="TOML, to give other points")
    back.add_argument("--by-hand", metavar="FILE", help="CSV besides to_read.csv")
    back.add_argument("--seconds", type=int, default=120, help="for each submission (120)")
    back.add_argument("--memory", type=float, default=2.0, help="for each, in GiB (2)")
    back.add_argument("--unfenced", action="store_true", help="where the system has no fence")


def _grading(chosen: argparse.Namespace) -> int:
    from .command_line.grade import assign, grade

    common = (chosen.assignment, chosen.students, chosen.secret, chosen.output)
    if chosen.command == "assign":
        return assign(*common)
    return grade(
        chosen.folder,
        *common,
        points=chosen.points,
        by_hand=chosen.by_hand,
        seconds=chosen.seconds,
        memory=chosen.memory,
        fenced=not chosen.unfenced,
    )


if __name__ == "__main__":
    sys.exit(main())
