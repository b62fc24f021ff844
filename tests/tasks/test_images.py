"""Images: what ships, the published formats, and that pixels, colours and labels stay together."""

import gzip
import hashlib
import io
import runpy
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ibhelpers import tasks
from ibhelpers.tasks import _idx, cifar10, fashion_mnist, mnist

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "shape", "available"), [("mnist", (28, 28), 5000), ("cifar10", (3, 32, 32), 2000)]
)
def test_shipped_images(name, shape, available, data_folder):
    module = {"mnist": mnist, "cifar10": cifar10}[name]
    images, labels = module.shipped()
    assert np.bincount(labels).tolist() == [available // 10] * 10
    task = tasks.load(name, n_train=100, n_test=50, seed=3)
    assert task.X_train.dtype == task.y_train.dtype == np.float64
    assert (task.kind, task.input_shape, task.scaling) == ("image", shape, "pixels / 255")
    assert np.bincount(task.labels_train).tolist() == [10] * 10
    np.testing.assert_array_equal(task.y_train.argmax(axis=1), task.labels_train)
    np.testing.assert_array_equal(task.y_train.sum(axis=1), 1.0)
    # Every example is one of the images, with its own label.
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    pixels = np.round(task.X_train * 255).astype(np.uint8)
    assert [known[row.tobytes()] for row in pixels] == task.labels_train.tolist()
    assert not data_folder.exists()  # nothing was downloaded


def test_digits():
    task = tasks.load("digits", n_train=1000, n_test=797)
    assert (task.input_shape, task.kind, task.X_train.max()) == ((8, 8), "image", 1.0)


@pytest.mark.parametrize(
    ("name", "n_train", "n_test", "message"),
    [
        ("mnist", 60_001, 1, "n_train: asked for 60,001 .* published train set has 60,000"),
        ("mnist", 1, 10_001, "n_test: asked for 10,001 .* published test set has 10,000"),
        ("fashion_mnist", 60_001, 1, "n_train: asked for 60,001"),
        ("fashion_mnist", 0, 1, "n_train: found 0"),
        ("cifar10", 50_001, 1, "n_train: asked for 50,001 .* has 50,000"),
        ("cifar10", 10, 0, "n_test: found 0"),
        ("digits", 1000, 798, r"asked for 1,000 \+ 798 = 1,798 examples, but there are 1,797"),
    ],
)
def test_more_than_exists_is_refused_before_any_download(
    name, n_train, n_test, message, data_folder
):
    with pytest.raises(ValueError, match=message):
        tasks.load(name, n_train=n_train, n_test=n_test)
    assert not data_folder.exists()


def test_an_altered_copy_of_a_shipped_file_is_passed_over(data_folder):
    data_folder.mkdir()
    (data_folder / "mnist_5k.npz").write_bytes(b"altered")
    assert tasks.load("mnist", n_train=10, n_test=10).n_train == 10


@pytest.fixture
def shipped_folder(tmp_path, monkeypatch):
    """An empty folder in place of the one that ships, as a clone has it."""
    folder = tmp_path / "clone" / "data"
    folder.mkdir(parents=True)
    monkeypatch.setattr("ibhelpers.tasks._files.SHIPPED_FOLDER", folder)
    return folder


def test_an_altered_shipped_file_is_not_loaded(data_folder, shipped_folder, monkeypatch):
    altered = shipped_folder / "mnist_5k.npz"
    altered.write_bytes(b"altered")
    with pytest.raises(ValueError, match=r"SHA-256 .* expected; .*Copy the folder data again"):
        tasks.load("mnist")
    (shipped_folder.parent / ".git").mkdir()
    with pytest.raises(ValueError, match=r"SHA-256 .* expected; .*`git checkout -- data`"):
        tasks.load("mnist")
    monkeypatch.setattr("ibhelpers.tasks._files._PACKAGE", shipped_folder.parent)
    (shipped_folder.parent / ".git").rmdir()
    with pytest.raises(ValueError, match=r"SHA-256 .* expected; .*--force-reinstall"):
        tasks.load("mnist")
    assert altered.read_bytes() == b"altered"  # not ours to move


def test_a_missing_shipped_file(data_folder, shipped_folder):
    with pytest.raises(ValueError, match=r"cifar10_2k.npz: not found, though it ships. Copy"):
        tasks.load("cifar10")


def test_a_shipped_file_that_is_missing_where_a_copy_is_altered(data_folder, shipped_folder):
    data_folder.mkdir()
    (data_folder / "mnist_5k.npz").write_bytes(b"altered")
    with pytest.raises(ValueError, match=r"(?s)altered.*Delete this copy.*not found, though it"):
        tasks.load("mnist")


# The format of MNIST


def idx(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


@pytest.fixture
def small_published(data_folder, monkeypatch):
    """Put random images in MNIST's format where a data set's files belong."""

    def put(module, attribute):
        rng = np.random.default_rng(0)
        arrays = []
        for n in (40, 20):
            labels = np.repeat(np.arange(10, dtype=np.uint8), n // 10)
            arrays += [rng.integers(256, size=(n, 28, 28), dtype=np.uint8), labels]
        files = []
        for file, array in zip(getattr(module, attribute), arrays, strict=True):
            contents = gzip.compress(idx(array))
            (data_folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (data_folder / file.path).write_bytes(contents)
            files.append(replace(file, sha256=hashlib.sha256(contents).hexdigest()))
        monkeypatch.setattr(module, attribute, tuple(files))
        monkeypatch.setattr(_idx, "check_official", lambda *sizes: None)
        return arrays

    return put


@pytest.mark.parametrize(("module", "attribute"), [(fashion_mnist, "FILES"), (mnist, "PUBLISHED")])
def test_the_published_sets(module, attribute, small_published, monkeypatch):
    images, labels, test_images, test_labels = small_published(module, attribute)
    monkeypatch.setattr(mnist, "AVAILABLE", 0)
    task = module.load(n_train=40, n_test=10, seed=1)
    known = {image.tobytes(): c for image, c in zip(images, labels, strict=True)}
    known_test = {image.tobytes(): c for image, c in zip(test_images, test_labels, strict=True)}
    rows, test_rows = (np.round(X * 255).astype(np.uint8) for X in (task.X_train, task.X_test))
    assert [known[row.tobytes()] for row in rows] == task.labels_train.tolist()
    assert [known_test[row.tobytes()] for row in test_rows] == task.labels_test.tolist()
    assert len({row.tobytes() for row in rows}) == 40


def test_fashion_mnist_by_download(small_published, server, data_folder, monkeypatch):
    small_published(fashion_mnist, "FILES")
    file = fashion_mnist.FILES[1]  # one of the four is not here yet
    server.contents = (data_folder / file.path).read_bytes()
    (data_folder / file.path).unlink()
    files = list(fashion_mnist.FILES)
    files[1] = replace(file, urls=(f"{server.url}good/labels.gz",))
    monkeypatch.setattr(fashion_mnist, "FILES", tuple(files))
    assert fashion_mnist.load(n_train=20, n_test=10).n_train == 20
    assert server.asked == ["/good/labels.gz"]


@pytest.mark.parametrize(
    "contents",
    [b"", b"\0\0", b"\0\0\x08", b"\0\0\x0d\x01\0\0\0\x01a", idx(np.ones((2, 2), np.uint8))[:-1]],
)
def test_not_an_idx_file(contents):
    with pytest.raises(ValueError, match=r"x\.gz: not an idx file of bytes"):
        _idx.parse(contents, "x.gz")


def test_published_sizes_and_addresses():
    for file in (*mnist.PUBLISHED, *fashion_mnist.FILES, cifar10.PUBLISHED):
        assert len(file.sha256) == 64 and int(file.sha256, 16)
        assert len(file.urls) == 2 and all(url.startswith("http") for url in file.urls)


# CIFAR-10


def test_cifar10_colours_order_and_labels():
    """Against what is printed everywhere of the published training set."""
    images, labels = cifar10.shipped()
    # Keras shows these as the first pixels of the first training image, a frog: red, green, blue.
    assert images[0, :, 0, :3].T.tolist() == [[59, 62, 63], [43, 46, 45], [50, 48, 43]]
    first = [6, 9, 9, 4, 1, 1, 2, 7, 8, 3, 4, 7, 7, 2, 9, 9, 9, 3, 2, 6]
    assert labels[:20].tolist() == first
    # The means of all 50,000 are 0.4914, 0.4822, 0.4465; images, not pixels, are independent.
    means = images.mean(axis=(2, 3)) / 255
    standard_error = means.std(axis=0) / np.sqrt(len(images))
    assert (abs(means.mean(axis=0) - [0.4914, 0.4822, 0.4465]) < 4 * standard_error).all()
    # What is seen against the sky or on water is bluish; what stands in a wood is not.
    blueness = (images[:, 2].astype(float) - images[:, 0]).mean(axis=(1, 2))
    of_class = {name: blueness[labels == c].mean() for c, name in enumerate(cifar10.CLASSES)}
    assert min(of_class["airplane"], of_class["ship"]) > 0 > max(of_class["frog"], of_class["deer"])


def test_cifar10_checksum_and_size_are_the_ones_in_the_readme():
    contents = (ROOT / "data" / "cifar10_2k.npz").read_bytes()
    assert len(contents) == cifar10.SHIPPED.size <= 6_000_000
    sha256 = hashlib.sha256(contents).hexdigest()
    assert sha256 == cifar10.SHIPPED.sha256
    assert f"    sha256 {sha256}\n" in (ROOT / "data" / "README.md").read_text()


def test_the_binary_version(data_folder, monkeypatch):
    rng = np.random.default_rng(0)
    records = rng.integers(256, size=(6, 30, 3073), dtype=np.uint8)
    records[:, :, 0] = np.tile(np.arange(10), 3)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, batch in reversed(list(zip(names, records, strict=True))):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = batch.size
            archive.addfile(member, io.BytesIO(batch.tobytes()))
    contents = buffer.getvalue()
    file = replace(cifar10.PUBLISHED, sha256=hashlib.sha256(contents).hexdigest())
    monkeypatch.setattr(cifar10, "PUBLISHED", file)
    (data_folder / "cifar10").mkdir(parents=True)
    (data_folder / file.path).write_bytes(contents)

    (images, labels), (test_images, test_labels) = cifar10.everything()
    assert images.shape == (150, 3, 32, 32) and test_images.shape == (30, 3, 32, 32)
    for i, c, row, column in ((0, 0, 0, 0), (31, 1, 5, 7), (149, 2, 31, 30)):
        byte = records[i // 30, i % 30, 1 + 1024 * c + 32 * row + column]
        assert images[i, c, row, column] == byte
    np.testing.assert_array_equal(labels, records[:5, :, 0].ravel())
    np.testing.assert_array_equal(test_labels, records[5, :, 0])

    monkeypatch.setattr(cifar10, "AVAILABLE", 0)
    monkeypatch.setattr(cifar10, "check_official", lambda *sizes: None)
    task = tasks.load("cifar10", n_train=150, n_test=20)
    assert (task.n_train, task.n_test, task.input_shape) == (150, 20, (3, 32, 32))


def test_cifar10_is_rebuilt_from_its_source(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    script = runpy.run_path(str(ROOT / "scripts" / "make_cifar10_2k.py"))
    with pytest.raises(ValueError, match=r"sha256 .*, expected 141f061f"):
        script["read_training_set"](b"not the package")
