"""``python -m ibhelpers data list | fetch | verify | where``."""

import gzip
import hashlib
import subprocess
import sys

import numpy as np
import pytest

from ibhelpers.__main__ import main
from ibhelpers.tasks import _download, _idx, commands
from ibhelpers.tasks._datafile import DataFile, Form

CONTENTS = np.random.default_rng(0).bytes(5000)
# requests leaves the socket of an answer that it gave up on to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
SHIPPED = commands.DATASETS["mnist"][0]


@pytest.fixture
def file(server, data_folder, monkeypatch):
    """A published file, and the file that ships, as the only data set."""
    server.contents = CONTENTS
    sha256 = hashlib.sha256(CONTENTS).hexdigest()
    file = DataFile("set/a.bin", sha256, len(CONTENTS), (f"{server.url}good/a.bin",))
    monkeypatch.setattr(commands, "DATASETS", {"set": (SHIPPED, file)})
    monkeypatch.setattr(_download, "RETRIES", 0)
    return file


def test_fetch_then_verify_then_list(file, data_folder, capsys):
    path = data_folder / "set" / "a.bin"
    assert main(["data", "list"]) == 0
    assert "to be fetched" in capsys.readouterr().out
    assert main(["data", "verify"]) == 0  # not fetched is not a fault
    assert "[--]   set/a.bin: not fetched" in capsys.readouterr().out
    assert main(["data", "fetch", "set"]) == 0
    assert f"[OK]   {path}" in capsys.readouterr().out
    assert path.read_bytes() == CONTENTS
    assert main(["data", "verify"]) == 0
    assert f"[OK]   {path}" in capsys.readouterr().out
    assert main(["data", "list"]) == 0
    assert "to be fetched" not in capsys.readouterr().out


def test_a_bad_file_is_reported_and_mended(file, data_folder, capsys):
    path = data_folder / "set" / "a.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bad")
    assert main(["data", "verify"]) == 1
    assert "[FAIL] " in capsys.readouterr().out
    assert path.read_bytes() == b"bad"  # verify changes nothing
    assert main(["data", "fetch", "set"]) == 0
    assert "kept as a.bin.bad" in capsys.readouterr().out
    assert path.read_bytes() == CONTENTS
    assert path.with_name("a.bin.bad").read_bytes() == b"bad"


def test_a_content_in_another_form_is_neither_fetched_nor_moved(
    server, data_folder, monkeypatch, capsys
):
    sha256 = hashlib.sha256(CONTENTS).hexdigest()
    forms = tuple(Form(name, _idx.unpack) for name in ("set/a.gz", "raw/a"))
    url = f"{server.url}good/a.gz"
    file = DataFile("set/a.gz", "0" * 64, 1, (url,), content_sha256=sha256, forms=forms)
    monkeypatch.setattr(commands, "DATASETS", {"set": (file,)})
    path = data_folder / "set" / "a.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(CONTENTS))  # not the published container
    for arguments in (["fetch", "set"], ["verify"]):
        assert main(["data", *arguments]) == 0
        assert f"[OK]   {path}" in capsys.readouterr().out
    plain = data_folder / "raw" / "a"
    plain.parent.mkdir()
    plain.write_bytes(CONTENTS[:-1])  # a damaged copy beside it
    assert main(["data", "verify"]) == 1
    assert f"[FAIL] {plain}" in capsys.readouterr().out
    assert main(["data", "fetch", "set"]) == 0
    path.unlink()
    monkeypatch.setattr(_download, "RETRIES", 0)
    assert main(["data", "fetch", "set"]) == 1  # the server has nothing of the published sum
    assert f"its content is another: {plain}" in capsys.readouterr().out
    assert plain.read_bytes() == CONTENTS[:-1]  # not ours to move


def test_a_file_that_ships_can_be_missing_or_altered(file, data_folder, monkeypatch, capsys):
    monkeypatch.setattr("ibhelpers.tasks._files.SHIPPED_FOLDER", data_folder / "nowhere")
    assert main(["data", "verify"]) == 1
    assert "[FAIL] mnist_5k.npz: missing" in capsys.readouterr().out
    assert main(["data", "list"]) == 0
    assert "missing" in capsys.readouterr().out
    data_folder.mkdir()
    (data_folder / "mnist_5k.npz").write_bytes(b"altered")
    assert main(["data", "verify"]) == 1
    assert main(["data", "fetch", "set"]) == 1
    out = capsys.readouterr().out
    assert "Delete this copy" in out and "mnist_5k.npz: not found, though it ships" in out
    assert (data_folder / "mnist_5k.npz").exists()  # not ours to move


def test_a_failed_fetch_does_the_rest_and_says_so(file, server, monkeypatch, capsys):
    gone = DataFile("set/b.bin", "0" * 64, 1, (f"{server.url}missing/b.bin",))
    monkeypatch.setattr(commands, "DATASETS", {"set": (gone, file)})
    assert main(["data", "fetch", "set"]) == 1
    out = capsys.readouterr().out
    assert "[FAIL] set/b.bin: not on this machine" in out and "404" in out
    assert "[OK]   " in out


def test_an_unknown_data_set(capsys):
    assert main(["data", "fetch", "cifar"]) == 1
    assert "Did you mean 'cifar10'?" in capsys.readouterr().err


def test_where(data_folder, monkeypatch, capsys):
    assert main(["data", "where"]) == 0
    assert f"downloads: {data_folder} (set by IBHELPERS_DATA)" in capsys.readouterr().out
    monkeypatch.delenv("IBHELPERS_DATA")
    monkeypatch.setenv("IBHELPERS_MIRROR", "http://127.0.0.1:9")
    assert main(["data", "where"]) == 0
    out = capsys.readouterr().out
    assert "to change it, set IBHELPERS_DATA" in out and "http://127.0.0.1:9" in out


def test_from_the_command_line():
    command = [sys.executable, "-m", "ibhelpers", "data", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for name in ("mnist", "fashion_mnist", "cifar10", "omniglot"):
        assert f"{name}\n" in done.stdout
