"""The folder of what ships with the package: small data sets, and recorded runs of the chapters."""

from pathlib import Path

PACKAGE_FOLDER = Path(__file__).resolve().parent
# A wheel has the folder inside the package, a clone beside it.
SHIPPED_FOLDER = next(
    (
        folder
        for folder in (PACKAGE_FOLDER / "data", PACKAGE_FOLDER.parent / "data")
        if folder.is_dir()
    ),
    PACKAGE_FOLDER / "data",
)
