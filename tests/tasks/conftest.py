"""A loopback server that misbehaves on request, and folders that no test shares with the user."""

import gc
import gzip
import http.server
import os
import socket
import struct
import threading
from pathlib import Path

import pytest

from ibhelpers.tasks import mnist
from ibhelpers.tasks._files import find


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty cache folder, and no mirror."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("IBHELPERS_DATA", str(folder))
    monkeypatch.delenv("IBHELPERS_MIRROR", raising=False)
    return folder


@pytest.fixture
def omniglot_data(monkeypatch):
    """The folder in which IBHELPERS_DATA has the small Omniglot sets."""
    folder = os.environ.get("IBHELPERS_DATA")
    if not folder or not (Path(folder) / "omniglot" / "images_background_small1.zip").is_file():
        pytest.skip("IBHELPERS_DATA names no folder with omniglot/images_background_small1.zip")
    return Path(folder)


@pytest.fixture
def mnist_data():
    """The folder in which IBHELPERS_DATA has all of MNIST."""
    folder = os.environ.get("IBHELPERS_DATA")
    if not folder or not all(find(file) for file in mnist.PUBLISHED):
        pytest.skip("IBHELPERS_DATA names no folder with all of MNIST")
    return Path(folder)


class Handler(http.server.BaseHTTPRequestHandler):
    """The first part of the path says how to behave: /stall/anything stalls."""

    def do_GET(self):
        self.server.asked.append(self.path)
        behaviour = self.path.split("/")[1]
        getattr(self, f"be_{behaviour}")(self.server.contents)

    def answer(self, contents, length=None, encoding=None):
        self.send_response(200)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(contents) if length is None else length))
        self.end_headers()
        self.wfile.write(contents)

    def redirect(self, path):
        self.send_response(302)
        self.send_header("Location", path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def be_good(self, contents):
        self.answer(contents)

    def be_cut(self, contents):  # the connection closes before the promised length
        self.answer(contents[: len(contents) // 2], length=len(contents))

    def be_short(self, contents):  # truncated, and the length agrees
        self.answer(contents[: len(contents) // 2])

    def be_altered(self, contents):
        self.answer(contents[:-1] + bytes([contents[-1] ^ 1]))

    def be_stall(self, contents):
        self.answer(contents[: len(contents) // 2], length=len(contents))
        self.server.release.wait(timeout=20)

    def be_reset(self, contents):
        self.answer(contents[: len(contents) // 2], length=len(contents))
        self.wfile.flush()
        # Closing with a linger of 0 seconds sends a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def be_moved(self, contents):
        self.redirect("/good/moved")

    def be_loop(self, contents):
        self.redirect("/loop/again")

    def be_flaky(self, contents):  # fails once
        if self.server.asked.count(self.path) == 1:
            self.send_error(503)
        else:
            self.be_good(contents)

    def be_missing(self, contents):
        self.send_error(404)

    def be_together(self, contents):  # answers when two have asked
        self.server.both.wait(timeout=60)
        self.be_good(contents)

    def be_asked_as_it_is(self, contents):
        assert self.headers["Accept-Encoding"] == "identity"
        self.be_good(contents)

    def be_packed(self, contents):  # packed on the way, though not asked to
        self.answer(gzip.compress(contents), encoding="gzip")

    def be_called_packed(self, contents):
        self.answer(contents, encoding="gzip")

    def log_message(self, *args):
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):  # clients that hang up are part of the tests
        pass


@pytest.fixture
def server(monkeypatch):
    """Serves ``server.contents`` at ``server.url + behaviour + ...``; loopback only."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with QuietServer(("127.0.0.1", 0), Handler) as server:
        server.contents = b""  # what a test sets it to
        server.asked, server.release, server.both = [], threading.Event(), threading.Barrier(2)
        server.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()
        gc.collect(1)  # of young sockets, here, and not in the middle of another test
