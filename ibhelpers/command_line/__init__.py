"""What ``python -m ibhelpers`` does, for who has no notebook open: a first look, a report, marks.

`quickstart` measures one task in a minute, `report` the bits of a reader's own table, `grade` hands
out assignments and marks them. At the top of the house, they use every room, and no room uses them.
"""

__all__ = ["grade", "quickstart", "report"]
