"""What ``python -m ibhelpers`` does, for who has no notebook open: a first look, and a report.

`quickstart` measures one task in a minute, `report` the bits of a reader's own table. At the top of
the house, they use every room, and no room uses them.
"""

__all__ = ["quickstart", "report"]
