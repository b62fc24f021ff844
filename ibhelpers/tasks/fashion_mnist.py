"""Fashion-MNIST: pieces of clothing, 28x28 pixels."""

from __future__ import annotations

from ._idx import official_sets, published
from ._images import image_task
from .task import Task

# SHA-256 and size in bytes: tensorflow/datasets, url_checksums/fashion_mnist.txt. The four files of
# Debian's dataset-fashion-mnist have these very sums once the name and the time that Debian takes
# out of each gzip header are put back; the sums of the contents are theirs.
FILES = published(
    ["fashion_mnist", "FashionMNIST/raw", "."],
    [
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ],
    [26_421_880, 29_515, 4_422_102, 5_148],
    [
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ],
)
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load(*, n_train: int = 1000, n_test: int = 500, seed: int = 0) -> Task:
    """28x28 pieces of clothing (Fashion-MNIST): 70,000 images by download.

    Parameters
    ----------
    n_train, n_test : int
        How many examples, class-balanced, are drawn from the published training and test sets,
        60,000 and 10,000, which are downloaded once (31 MB).
    seed : int
        Seed of the draw.

    Returns
    -------
    Task
        Inputs (n, 784) in [0, 1], targets one-hot (n, 10), float64.

    Raises
    ------
    ValueError
        If more is asked for than there is, or a file cannot be had or was altered.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", arXiv:1708.07747 (2017). MIT licence.
    """
    train, test = official_sets(FILES, n_train, n_test, seed)
    return image_task(
        train,
        test,
        name="fashion_mnist",
        source="Fashion-MNIST (Zalando Research), the published training and test sets",
        class_names=CLASSES,
    )
