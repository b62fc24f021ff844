"""Every way in which a download can go wrong, provoked."""

import contextlib
import errno
import gzip
import hashlib
import os
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pooch
import pytest

from ibhelpers.tasks import _download
from ibhelpers.tasks._datafile import DataFile
from ibhelpers.tasks._files import find, read

CONTENTS = np.random.default_rng(0).bytes(300_000)
# requests leaves the socket of an answer that it gave up on to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
SHA256 = hashlib.sha256(CONTENTS).hexdigest()


@pytest.fixture(autouse=True)
def impatient(server, monkeypatch):
    server.contents = CONTENTS
    monkeypatch.setattr(pooch.core, "time", types.SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(_download, "TIMEOUT", (2.0, 0.3))


def published(server, *behaviours):
    urls = tuple(f"{server.url}{behaviour}/data.bin" for behaviour in behaviours)
    return DataFile("set/data.bin", SHA256, len(CONTENTS), urls)


def files_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_downloaded_once_and_kept(server, data_folder):
    file = published(server, "good")
    assert read(file) == read(file) == CONTENTS
    assert server.asked == ["/good/data.bin"]
    assert files_in(data_folder) == ["set/data.bin"]


@pytest.mark.parametrize("behaviour", ["cut", "stall", "reset", "missing", "loop"])
def test_a_failing_address_is_retried_and_then_passed_over(server, data_folder, behaviour):
    assert read(published(server, behaviour, "good")) == CONTENTS
    assert server.asked[0] == f"/{behaviour}/data.bin"
    assert files_in(data_folder) == ["set/data.bin"]


@pytest.mark.parametrize("behaviour", ["cut", "stall", "reset", "missing", "loop"])
def test_a_fault_without_a_fallback_says_what_to_do_and_leaves_nothing(
    server, data_folder, behaviour
):
    file = published(server, behaviour)
    with pytest.raises(ValueError) as raised:
        read(file)
    message = str(raised.value)
    assert file.urls[0] in message
    assert "python -m ibhelpers data fetch set" in message  # the three ways
    assert str(data_folder / "set" / "data.bin") in message
    assert "IBHELPERS_MIRROR" in message
    assert server.asked.count(f"/{behaviour}/data.bin") == 1 + _download.RETRIES
    assert files_in(data_folder) == []


def test_a_flaky_server_is_asked_again(server, data_folder):
    assert read(published(server, "flaky")) == CONTENTS
    assert len(server.asked) == 2


def test_a_redirect_is_followed(server, data_folder):
    assert read(published(server, "moved")) == CONTENTS
    assert server.asked == ["/moved/data.bin", "/good/moved"]


@pytest.mark.parametrize("behaviour", ["asked_as_it_is", "packed", "called_packed"])
def test_a_file_packed_on_the_way_or_called_so(server, data_folder, behaviour):
    if behaviour == "called_packed":  # as some mirrors do with files that are gzipped themselves
        server.contents = gzip.compress(CONTENTS)
    sha256 = hashlib.sha256(server.contents).hexdigest()
    file = DataFile("set/data.bin", sha256, 1, (f"{server.url}{behaviour}/data.bin",))
    assert read(file) == server.contents
    assert files_in(data_folder) == ["set/data.bin"]


def test_called_packed_but_broken(server, data_folder):
    server.contents = b"neither packed nor what was published"
    with pytest.raises(ValueError, match="sent as gzip, but is not"):
        read(published(server, "called_packed"))
    assert files_in(data_folder) == []


@pytest.mark.parametrize("behaviour", ["short", "altered"])
def test_wrong_contents_are_neither_loaded_nor_kept(server, data_folder, behaviour):
    with pytest.raises(ValueError) as raised:
        read(published(server, behaviour))
    assert files_in(data_folder) == []
    wrong = {"short": CONTENTS[: len(CONTENTS) // 2]}
    wrong["altered"] = CONTENTS[:-1] + bytes([CONTENTS[-1] ^ 1])
    assert SHA256 in str(raised.value)
    assert hashlib.sha256(wrong[behaviour]).hexdigest() in str(raised.value)


def test_no_network(data_folder):
    closed = DataFile("set/data.bin", SHA256, 1, ("http://127.0.0.1:9/data.bin",))
    with pytest.raises(ValueError, match=r"(?s)ConnectionError.*fetch:.*folder:.*mirror:"):
        read(closed)


def test_the_mirror_is_asked_first(server, data_folder, monkeypatch):
    monkeypatch.setenv("IBHELPERS_MIRROR", f"{server.url}good/")
    assert read(published(server, "missing")) == CONTENTS
    assert server.asked == ["/good/set/data.bin"]


MALFORMED = ["no address", "http://", "http://[::1", "ftp:/x", "http://x:port", "http://.", "//x"]


@pytest.mark.parametrize("mirror", [*MALFORMED, f"http://{'a' * 64}.invalid"])
def test_a_malformed_mirror_is_passed_over(server, data_folder, monkeypatch, mirror):
    monkeypatch.setenv("IBHELPERS_MIRROR", mirror)
    assert read(published(server, "good")) == CONTENTS
    (data_folder / "set" / "data.bin").unlink()
    with pytest.raises(ValueError, match=r"not on this machine") as raised:
        read(published(server, "missing"))
    at_fault = f"{mirror.rstrip('/')}/set/data.bin: "
    assert f"  {at_fault}" in str(raised.value)


def test_a_missing_bundle_of_certificates(server, data_folder, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(data_folder / "nowhere.pem"))
    file = DataFile("set/data.bin", SHA256, 1, ("https://127.0.0.1:9/data.bin",))
    with pytest.raises(ValueError, match=r"TLS CA certificate bundle.*nowhere\.pem") as raised:
        read(file)
    assert "IBHELPERS_MIRROR" in str(raised.value) and "space" not in str(raised.value)


def test_a_file_put_there_by_hand_needs_no_network(data_folder):
    (data_folder / "set").mkdir(parents=True)
    (data_folder / "set" / "data.bin").write_bytes(CONTENTS)
    assert read(DataFile("set/data.bin", SHA256, 1, ("http://127.0.0.1:9/",))) == CONTENTS


@pytest.mark.parametrize("bad", [CONTENTS[:1000], b"x" + CONTENTS[1:], b""])
def test_a_bad_file_is_set_aside_and_then_downloaded_again(server, data_folder, bad):
    path = data_folder / "set" / "data.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(bad)
    file = published(server, "good")
    with pytest.raises(ValueError) as raised:
        read(file)
    assert SHA256 in str(raised.value) and hashlib.sha256(bad).hexdigest() in str(raised.value)
    assert f"{len(bad):,} of {len(CONTENTS):,} bytes" in str(raised.value)
    assert files_in(data_folder) == ["set/data.bin.bad"]
    assert server.asked == []
    assert read(file) == CONTENTS
    assert path.with_name("data.bin.bad").read_bytes() == bad


def test_a_bad_file_that_cannot_be_set_aside(server, data_folder, monkeypatch):
    path = data_folder / "set" / "data.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bad")

    def refuse(*args):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ValueError, match=r"could not be set aside .Read-only file system.*by hand"):
        read(published(server, "good"))
    assert path.read_bytes() == b"bad"


def test_a_cache_that_is_not_a_folder(server, data_folder):
    data_folder.write_text("in the way")
    with pytest.raises(ValueError, match=r"cannot be written.*IBHELPERS_DATA"):
        read(published(server, "good"))
    assert server.asked == []  # found out before anything was downloaded
    assert data_folder.read_text() == "in the way"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, which nobody can write")
def test_a_cache_on_a_read_only_file_system(server, monkeypatch):
    monkeypatch.setenv("IBHELPERS_DATA", "/proc/self/ibhelpers")
    with pytest.raises(ValueError, match=r"/proc/self.*cannot be written"):
        read(published(server, "good"))
    assert server.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a full disk")
def test_a_full_disk(server, data_folder, monkeypatch):
    @contextlib.contextmanager
    def temporary_file(path):
        yield "/dev/full"

    monkeypatch.setattr(pooch.core, "temporary_file", temporary_file)
    with pytest.raises(ValueError, match=r"disk is full.*Nothing was kept"):
        read(published(server, "good"))
    assert list((data_folder / "set").iterdir()) == []


PROGRAM = """
import sys
from ibhelpers.tasks._datafile import DataFile
from ibhelpers.tasks._files import read
sha256, size, url = sys.argv[1:]
print(len(read(DataFile("set/data.bin", sha256, int(size), (url,)))))
"""


def start(server, behaviour):
    url = f"{server.url}{behaviour}/data.bin"
    command = [sys.executable, "-c", PROGRAM, SHA256, str(len(CONTENTS)), url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once(server, data_folder):
    both = [start(server, "together") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert int(out) == len(CONTENTS)
    assert len(server.asked) == 2  # neither waited for the other
    assert files_in(data_folder) == ["set/data.bin"]
    assert (data_folder / "set" / "data.bin").read_bytes() == CONTENTS


def test_a_killed_process_leaves_no_file_of_that_name(server, data_folder):
    process = start(server, "stall")
    part = None
    for _ in range(1200):
        part = next((data_folder / "set").glob("*"), None)
        if part is not None and part.stat().st_size > 0:
            break
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=20)
    assert part is not None
    file = published(server, "good")
    assert find(file) is None
    assert read(file) == CONTENTS
