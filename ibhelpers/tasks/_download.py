"""Download a published file with pooch: from the first address that has it, whole or not at all."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._progress import steps
from ._datafile import DataFile

if TYPE_CHECKING:
    import pooch

RETRIES = 1  # how often an address is asked again
TIMEOUT = (10.0, 30.0)  # seconds to connect, and to wait for the next bytes


def download(file: DataFile, folder: Path) -> Path:
    """Fetch a file from the first address that has it, and return where it now lies.

    The bytes go to a temporary file beside the target, which takes the target's name only after
    its SHA-256 proved right. Two processes may do this at once: each has a temporary file of its
    own, and the last to finish replaces the other's file by an equal one.

    Raises
    ------
    ValueError
        If no address gave the file, or the folder cannot be written.
    """
    import pooch  # needed only here

    failures = {}
    for url in addresses(file):
        cache = pooch.create(
            folder,
            base_url="",
            registry={file.path: f"sha256:{file.sha256}"},
            urls={file.path: url},
            retry_if_failed=RETRIES,
        )
        try:
            return Path(cache.fetch(file.path, downloader=_downloader(file)))
        except ValueError as failure:  # of the address, or a sum that is not the published one
            failures[url] = failure
        except OSError as error:
            what = "the disk is full" if error.errno == errno.ENOSPC else "it cannot be written"
            raise ValueError(
                f"{(folder / file.path).parent}: {what} ({error}). Nothing was kept. Free some "
                "space, or set IBHELPERS_DATA to a folder that can be written."
            ) from error
    raise ValueError(
        f"{file.path}: not on this machine, and could not be downloaded.\n"
        + "".join(f"  {url}: {failure}\n" for url, failure in failures.items())
        + "Three ways to get it:\n"
        "  fetch:  where there is a network, `python -m ibhelpers data fetch "
        f"{file.path.partition('/')[0]}`\n"
        f"  folder: put it at {folder / file.path}, or set IBHELPERS_DATA to a folder in which "
        f"{file.path} lies\n"
        f"  mirror: set IBHELPERS_MIRROR to an address under which {file.path} is served"
    )


def addresses(file: DataFile) -> tuple[str, ...]:
    """Where to look, in order: the mirror in ``IBHELPERS_MIRROR``, then the published addresses."""
    mirror = os.environ.get("IBHELPERS_MIRROR", "").strip().rstrip("/")
    return ((f"{mirror}/{file.path}",) if mirror else ()) + file.urls


class _Failure(ValueError):
    """An address did not give the file; pooch asks again."""


def _downloader(file: DataFile) -> Callable[[str, str, pooch.Pooch], None]:
    """What pooch calls to fill a temporary file: raises a _Failure, or an OSError of writing."""

    def fetch(url: str, path: str, cache: pooch.Pooch) -> None:
        with (
            open(path, "wb") as output,
            steps(Path(file.path).name, file.size, "B", unit_scale=True, leave=True) as bar,
            _answer(url) as response,
        ):
            for chunk in _bytes_as_sent(response):
                output.write(chunk)
                bar.update(len(chunk))
        # Some servers pack files on the way, though not asked to, and some call a packed file that
        # they have "packed on the way": it is what was published before or after unpacking.
        if response.headers.get("Content-Encoding") == "gzip":
            import pooch

            if pooch.file_hash(path) != file.sha256:
                _unpack(path)

    return fetch


def _answer(url: str) -> Any:
    """The response of an address, its body still to be read."""
    import requests  # late, as in pooch, because importing it takes long

    try:
        response = requests.get(
            url, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}
        )
        response.raise_for_status()
    # Malformed addresses raise ValueErrors of several kinds; a missing bundle of certificates, an
    # OSError that is no RequestException.
    except (ValueError, OSError) as error:
        raise _Failure(f"{type(error).__name__}: {error}") from error
    return response


def _bytes_as_sent(response: Any) -> Any:
    """The body of a response in pieces, not unpacked."""
    from urllib3.exceptions import HTTPError

    try:
        yield from response.raw.stream(2**16, decode_content=False)
    except (HTTPError, OSError) as error:
        raise _Failure(f"{type(error).__name__}: {error}") from error


def _unpack(path: str) -> None:
    packed = Path(path).read_bytes()
    try:
        Path(path).write_bytes(gzip.decompress(packed))
    except (EOFError, gzip.BadGzipFile) as error:
        raise _Failure(f"sent as gzip, but is not: {error}") from error
