"""The command line: ``python -m ibhelpers quickstart``, ``check`` and ``data ...``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ._quickstart import quickstart
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
    chosen = parser.parse_args(arguments)

    if chosen.command == "quickstart":
        return quickstart()
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


if __name__ == "__main__":
    sys.exit(main())
