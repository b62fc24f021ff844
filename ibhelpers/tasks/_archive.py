"""Read the members of a zip or tar archive; nothing is ever unpacked onto the disk."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator


def zip_members(contents: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and contents of every file in a zip archive, in its order.

    Raises
    ------
    ValueError
        If a name leads outside the archive's own folder.
    """
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:
        for member in archive.infolist():
            _check_inside(member.filename)
            if not member.is_dir():
                yield member.filename, archive.read(member)


def tar_members(contents: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and contents of every file in a tar archive, packed in whatever way, in its order.

    Raises
    ------
    ValueError
        If a name leads outside the archive's own folder, or a member is a link or a device.
    """
    with tarfile.open(fileobj=io.BytesIO(contents), mode="r:*") as archive:
        for member in archive:
            _check_inside(member.name)
            if file := archive.extractfile(member) if member.isfile() else None:
                yield member.name, file.read()
            elif not member.isdir():
                raise ValueError(
                    f"archive: member {member.name!r} is neither a file nor a folder; such an "
                    "archive is not read. Get it again from where it is published."
                )


def _check_inside(name: str) -> None:
    parts = re.split(r"[/\\]", name)
    if parts[0] == "" or ".." in parts or ":" in parts[0]:
        raise ValueError(
            f"archive: member {name!r} lies outside the archive's folder; such an archive is not "
            "read. Get it again from where it is published."
        )
