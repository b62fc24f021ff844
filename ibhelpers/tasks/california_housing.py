"""California housing: what a house is worth, by the district's census of 1990."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ._archive import tar_members
from ._datafile import DataFile
from ._draw import check_drawn
from ._files import read
from .tables import drawn
from .task import Task

if TYPE_CHECKING:
    import pandas as pd

# SHA-256: scikit-learn, sklearn/datasets/_california_housing.py.
ARCHIVE = DataFile(
    "california_housing/cal_housing.tgz",
    "aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
    441_963,
    (
        "https://ndownloader.figshare.com/files/5976036",
        "https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.tgz",
    ),
)
FILES = (ARCHIVE,)
DISTRICTS = 20_640

_COLUMNS = (
    "longitude",
    "latitude",
    "age of houses",
    "rooms",
    "bedrooms",
    "population",
    "households",
    "income",
    "value",
)


def load(*, n_train: int = 1000, n_test: int = 500, seed: int = 0) -> Task:
    """What a house is worth in 20,640 districts of California, 8 measurements; by download.

    Parameters
    ----------
    n_train, n_test : int
        Sizes of the disjoint training and test sets, drawn at random.
    seed : int
        Seed of the draw.

    Returns
    -------
    Task
        Inputs (n, 8): income, age of houses, rooms, bedrooms and people for each household,
        population, latitude, longitude; targets (n, 1), the median value. All of them less the
        mean and divided by the deviation that the training rows have.

    Raises
    ------
    ValueError
        If more is asked for than there is, or the file cannot be had or was altered.

    References
    ----------
    R. K. Pace, R. Barry, "Sparse spatial autoregressions", Statistics and Probability Letters 33
    (1997).
    """
    check_drawn(n_train, n_test, DISTRICTS)  # before anything is downloaded
    return drawn(
        table(read(ARCHIVE)),
        "value",
        n_train,
        n_test,
        seed,
        name="california_housing",
        source="California housing (Pace and Barry), the census of 1990",
    )


def table(contents: bytes) -> pd.DataFrame:
    """The table in the archive, with what scikit-learn makes of its columns: shares of households.

    Raises
    ------
    ValueError
        If the archive does not hold the table.
    """
    import pandas as pd

    members = {name.rpartition("/")[2]: member for name, member in tar_members(contents)}
    if "cal_housing.data" not in members:
        raise ValueError(f"{ARCHIVE.path}: holds no cal_housing.data; get it again.")
    raw = pd.read_csv(io.BytesIO(members["cal_housing.data"]), header=None, names=list(_COLUMNS))
    households = raw["households"]
    return pd.DataFrame(
        {
            "income": raw["income"],
            "age of houses": raw["age of houses"],
            "rooms": raw["rooms"] / households,
            "bedrooms": raw["bedrooms"] / households,
            "population": raw["population"],
            "people": raw["population"] / households,
            "latitude": raw["latitude"],
            "longitude": raw["longitude"],
            "value": raw["value"] / 100_000,
        }
    )
