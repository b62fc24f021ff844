"""Images: what ships, the published formats, and that pixels, colours and labels stay together."""

import gzip
import hashlib
import io
import pickle
import runpy
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ibhelpers import tasks
from ibhelpers.tasks import _cifar_batches, _idx, cifar10, fashion_mnist, mnist
from ibhelpers.tasks._files import content, find, is_intact

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
    monkeypatch.setattr("ibhelpers.tasks._files.PACKAGE_FOLDER", shipped_folder.parent)
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


def sha256(contents):
    return hashlib.sha256(contents).hexdigest()


def put_into(path, contents):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


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
            put_into(data_folder / file.path, contents)
            files.append(replace(file, sha256=sha256(contents), content_sha256=sha256(idx(array))))
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


FORMS = {
    "packed again": lambda name: (f"mnist/{name}.gz", lambda packed: gzip.compress(packed, 1)),
    "unpacked": lambda name: (f"mnist/{name}", bytes),
    "torchvision's": lambda name: (f"MNIST/raw/{name}", bytes),
    "with a dot": lambda name: (name.replace("-idx", ".idx"), bytes),
    "unpacked, but called .gz": lambda name: (f"mnist/{name}.gz", bytes),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_content_counts_not_the_container(small_published, data_folder, monkeypatch, form):
    small_published(mnist, "PUBLISHED")
    monkeypatch.setattr(mnist, "AVAILABLE", 0)
    asked = dict(n_train=40, n_test=10, seed=1)
    expected = mnist.load(**asked)
    for file in mnist.PUBLISHED:
        name, pack = FORMS[form](Path(file.path).stem)
        unpacked = gzip.decompress((data_folder / file.path).read_bytes())
        (data_folder / file.path).unlink()
        put_into(data_folder / name, pack(unpacked))
        assert find(file) == data_folder / name and is_intact(data_folder / name, file)
    found = mnist.load(**asked)
    np.testing.assert_array_equal(found.X_train, expected.X_train)
    np.testing.assert_array_equal(found.labels_test, expected.labels_test)


def test_one_intact_form_is_enough(small_published, data_folder):
    small_published(fashion_mnist, "FILES")
    file = fashion_mnist.FILES[0]
    good = (data_folder / file.path).read_bytes()
    put_into(data_folder / "FashionMNIST/raw/train-images-idx3-ubyte.gz", good)
    (data_folder / file.path).write_bytes(good[:-100])
    assert fashion_mnist.load(n_train=20, n_test=10).n_train == 20
    assert (data_folder / file.path).read_bytes() == good[:-100]  # no cause to move it


@pytest.mark.parametrize("bad", [b"", b"\x1f\x8b\x08 not gzip", b"another data set's"])
def test_another_content_is_named_and_not_used(small_published, data_folder, bad):
    small_published(fashion_mnist, "FILES")
    nowhere = ("http://127.0.0.1:9/x",)
    own, *_ = files = [replace(file, urls=nowhere) for file in fashion_mnist.FILES]
    (data_folder / own.path).unlink()
    other = data_folder / "train-images-idx3-ubyte"
    other.write_bytes(bad)
    with pytest.raises(ValueError, match=r"could not be downloaded") as raised:
        _idx.official_sets(files, 20, 10, 0)
    assert f"not used, as its content is another: {other}" in str(raised.value)
    put_into(data_folder / own.path, bad)
    with pytest.raises(ValueError, match=r"was altered or only partly copied.*kept as"):
        _idx.official_sets(files, 20, 10, 0)
    assert other.read_bytes() == bad  # not ours to move


def test_all_of_mnist(mnist_data):
    """Every digit once, in its own half; what ships is the first 500 of each class."""
    task = tasks.load("mnist", n_train=60_000, n_test=10_000)
    assert (task.n_train, task.n_test, task.input_shape) == (60_000, 10_000, (28, 28))
    assert len({row.tobytes() for row in task.X_train}) == 60_000  # no image twice
    # The counts that LeCun's page prints for the digits 0 to 9.
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(task.labels_train).tolist() == train
    assert np.bincount(task.labels_test).tolist() == test

    images, labels = (_idx.parse(content(file), file.path) for file in mnist.PUBLISHED[:2])
    first = np.concatenate([np.flatnonzero(labels == c)[:500] for c in range(10)])
    np.testing.assert_array_equal(mnist.shipped()[0], images[first])
    np.testing.assert_array_equal(mnist.shipped()[1], labels[first])


def test_the_whole_can_be_asked_for(mnist_data):
    options = dict(n_train=100, n_test=50, seed=0)
    shipped, whole = tasks.load("mnist", **options), tasks.load("mnist", full=True, **options)
    assert "5,000" in shipped.source and "published" in whole.source
    assert not np.array_equal(shipped.X_train, whole.X_train)
    random = tasks.load("mnist", full=True, balanced=False, **options)
    assert np.bincount(whole.labels_train).tolist() == [10] * 10
    assert np.bincount(random.labels_train, minlength=10).tolist() != [10] * 10
    with pytest.raises(ValueError, match="there are 5,000"):
        tasks.load("mnist", n_train=5000, n_test=1, full=False)


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


@pytest.fixture
def batches():
    """Six batches of 30 random records, by their names."""
    rng = np.random.default_rng(0)
    records = rng.integers(256, size=(6, 30, 3073), dtype=np.uint8)
    records[:, :, 0] = np.tile(np.arange(10), 3)
    return dict(zip(_cifar_batches.NAMES, records, strict=True))


@pytest.fixture
def published_batches(batches, monkeypatch):
    """As if these batches were the published ones."""
    together = b"".join(records.tobytes() for records in batches.values())
    file = replace(cifar10.PUBLISHED, content_sha256=sha256(together), urls=())
    monkeypatch.setattr(cifar10, "PUBLISHED", file)


def pickled(records):
    """A batch as Python 2 pickled it, with strings of bytes, which Python 3 no longer writes."""

    def short(text):
        return b"U" + bytes([len(text)]) + text

    labels = b"".join(b"K" + bytes([label]) for label in records[:, 0])
    pixels = records[:, 1:].tobytes()
    names = b"".join(short(b"cur_s_%06d.png" % i) for i in range(len(records)))
    contents = b"\x80\x02}q\x01(" + short(b"batch_label") + short(b"training batch 1 of 5")
    contents += short(b"labels") + b"]q\x02(" + labels + b"e"
    contents += short(b"data") + b"T" + struct.pack("<I", len(pixels)) + pixels
    return contents + short(b"filenames") + b"]q\x03(" + names + b"eu."


def archive(members, mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as out:
        for name, contents in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(contents)
            out.addfile(member, io.BytesIO(contents))
    return buffer.getvalue()


CIFAR_FORMS = ["bin, gz", "bin, xz", "bin, folder", "py, gz", "py, folder"]


@pytest.mark.parametrize("form", CIFAR_FORMS)
def test_the_batches_in_every_form(batches, published_batches, data_folder, monkeypatch, form):
    version, packing = form.split(", ")
    members = {
        "bin": {f"{name}.bin": records.tobytes() for name, records in batches.items()},
        "py": {name: pickled(records) for name, records in batches.items()},
    }[version]
    members["readme.html"] = b"not a batch"
    if packing == "folder":
        for name, contents in members.items():
            put_into(data_folder / f"cifar-10-batches-{version}" / name, contents)
    else:
        name = {"bin": "cifar-10-binary.tar.gz", "py": "cifar-10-python.tar.gz"}[version]
        inside = {f"cifar-10-batches-{version}/{name}": members[name] for name in reversed(members)}
        put_into(data_folder / "cifar10" / name, archive(inside, f"w:{packing}"))

    (images, labels), (test_images, test_labels) = cifar10.everything()
    records = np.stack(list(batches.values()))
    assert images.shape == (150, 3, 32, 32) and test_images.shape == (30, 3, 32, 32)
    for i, c, row, column in ((0, 0, 0, 0), (31, 1, 5, 7), (149, 2, 31, 30)):
        byte = records[i // 30, i % 30, 1 + 1024 * c + 32 * row + column]
        assert images[i, c, row, column] == byte
    np.testing.assert_array_equal(labels, records[:5, :, 0].ravel())
    np.testing.assert_array_equal(test_labels, records[5, :, 0])

    monkeypatch.setattr(cifar10, "check_official", lambda *sizes: None)
    task = tasks.load("cifar10", n_train=150, n_test=20, full=True)
    assert (task.n_train, task.n_test, task.input_shape) == (150, 20, (3, 32, 32))


def test_python_reads_the_pickles_of_these_tests(batches):
    """So that the picking out of labels and pixels is tested on pickles, not on lookalikes."""
    records = batches["test_batch"]
    found = pickle.loads(pickled(records), encoding="bytes")
    assert found[b"labels"] == records[:, 0].tolist() and len(found[b"filenames"]) == 30
    assert found[b"data"] == records[:, 1:].tobytes()


class Evil:
    def __reduce__(self):
        return pytest.fail, ("a pickle was run",)


@pytest.mark.parametrize("contents", [b"", b"garbage", pickle.dumps(Evil()), pickle.dumps([1, 2])])
def test_what_is_no_batch_is_passed_over_and_never_run(contents, published_batches, data_folder):
    for name in _cifar_batches.NAMES:
        put_into(data_folder / "cifar-10-batches-py" / name, contents)
    put_into(data_folder / "cifar-10-python.tar.gz", archive({"data_batch_1": contents}, "w:gz"))
    with pytest.raises(ValueError, match=r"not used, as its content is another: .*batches-py"):
        cifar10.everything()


def test_altered_batches_are_not_used(batches, published_batches, data_folder):
    for name, records in batches.items():
        records[3, 7] ^= 1
        put_into(data_folder / f"cifar-10-batches-bin/{name}.bin", records.tobytes())
    with pytest.raises(ValueError, match=r"not used, as its content is another: .*batches-bin"):
        cifar10.everything()


def test_cifar10_is_rebuilt_from_its_source(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    script = runpy.run_path(str(ROOT / "scripts" / "make_cifar10_2k.py"))
    with pytest.raises(ValueError, match=r"sha256 .*, expected 141f061f"):
        script["read_training_set"](b"not the package")
