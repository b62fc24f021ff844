"""``python -m ibhelpers_check`` finds each fault, and says what to do."""

import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import ibhelpers_check
import pytest
import torch

from ibhelpers.__main__ import main

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def lines(capsys):
    """The printed lines, as a dictionary from a check's title to its line."""
    printed = capsys.readouterr().out.splitlines()
    return {line[7:].partition(":")[0]: line for line in printed}


def failed(capsys, title):
    assert main(["check"]) == 1
    line = lines(capsys)[title]
    assert line.startswith("[FAIL] ")
    return line


def test_this_installation_is_well(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("IBHELPERS_DATA", str(tmp_path / "not there yet"))
    assert main(["check"]) == 0
    printed = lines(capsys)
    assert set(printed) == set(ibhelpers_check.CHECKS)
    assert all(line.startswith("[OK]   ") for line in printed.values())
    assert torch.__version__ in printed["torch"]
    assert not (tmp_path / "not there yet").exists()  # checking makes nothing


def test_an_old_python(capsys, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert "3.10.4, but 3.11 or later is needed" in failed(capsys, "Python")


@pytest.mark.parametrize(("name", "title"), [("torch", "torch"), ("seaborn", "packages")])
def test_a_package_that_cannot_be_imported(name, title, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)  # makes the import fail
    line = failed(capsys, title)
    assert f"{name} cannot be imported" in line and "make quickstart" in line
    assert f"-m pip install {name}" in line


def test_advice_names_what_is_to_be_installed_and_this_python(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setattr(sys, "executable", "/a folder/python")
    line = failed(capsys, "packages")
    assert "`'/a folder/python' -m pip install scikit-learn`" in line


def test_all_missing_packages_are_named_at_once(capsys, monkeypatch):
    for name in ("seaborn", "PIL"):
        monkeypatch.setitem(sys.modules, name, None)
    line = failed(capsys, "packages")
    assert "seaborn cannot be imported" in line and "PIL cannot be imported" in line
    assert "-m pip install seaborn pillow`" in line


def test_advice_for_windows(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setattr(sys, "executable", r"C:\a folder\.venv\Scripts\python.exe")
    monkeypatch.setattr(ibhelpers_check, "os", types.SimpleNamespace(name="nt"))
    command = r'`"C:\a folder\.venv\Scripts\python.exe" -m pip install scikit-learn`'
    with pytest.raises(ibhelpers_check.Fault, match=re.escape(command)):
        ibhelpers_check.packages()


def test_a_package_that_is_broken_itself(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ibhelpers", None)
    assert ibhelpers_check.check() == 1
    assert "ibhelpers cannot be imported" in lines(capsys)["package"]


def test_a_torch_that_computes_wrongly(capsys, monkeypatch):
    monkeypatch.setattr(torch.linalg, "cholesky", torch.zeros_like)
    assert "computes wrongly; install it again" in failed(capsys, "torch")


def test_a_broken_graphics_card(capsys, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("CUDA error: no kernel image is available\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old Card")
    monkeypatch.setattr(torch, "ones", broken)
    line = failed(capsys, "device")
    assert "Old Card does not compute (CUDA error: no kernel image is available)" in line
    assert "CUDA_VISIBLE_DEVICES to -1" in line


def test_missing_data(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("IBHELPERS_DATA", str(tmp_path))
    monkeypatch.setattr("ibhelpers.tasks._files.SHIPPED_FOLDER", tmp_path)
    assert "mnist_5k.npz: not found, though it ships" in failed(capsys, "shipped data")


def test_altered_data(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("IBHELPERS_DATA", str(tmp_path))
    monkeypatch.setattr("ibhelpers.tasks._files.SHIPPED_FOLDER", tmp_path / "nowhere")
    for name in ("mnist_5k.npz", "cifar10_2k.npz"):
        (tmp_path / name).write_bytes(b"altered")
    assert "it was altered" in failed(capsys, "shipped data")


def test_a_cache_that_cannot_be_written(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("IBHELPERS_DATA", str(tmp_path / "file"))
    assert "set IBHELPERS_DATA to a folder that can" in failed(capsys, "downloads")


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """Where Jupyter finds kernels, empty."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    return folder


def test_a_kernel_of_another_python(capsys, kernels):
    spec = {"argv": ["/usr/bin/python-of-old"], "display_name": "Python 3", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    line = failed(capsys, "Jupyter")
    assert "runs /usr/bin/python-of-old, not" in line
    assert f"{sys.executable} -m ipykernel install --sys-prefix" in line


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="runs in no virtual environment")
def test_a_kernel_of_the_python_that_this_environment_was_made_with(capsys, kernels):
    base = os.path.realpath(sys.executable)
    spec = {"argv": [base], "display_name": "Python 3", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    assert f"runs {base}, not" in failed(capsys, "Jupyter")


def test_no_kernel(capsys, monkeypatch):
    def none(self, name):
        from jupyter_client.kernelspec import NoSuchKernel

        raise NoSuchKernel(name)

    monkeypatch.setattr("jupyter_client.kernelspec.KernelSpecManager.get_kernel_spec", none)
    assert "knows no kernel python3; register" in failed(capsys, "Jupyter")


def test_from_the_command_line():
    # The editable installation of a clone puts its scripts on Python's path; a test does it itself.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SCRIPTS.parent), str(SCRIPTS)])}
    for module in (["ibhelpers", "check"], ["ibhelpers_check"]):
        command = [sys.executable, "-m", *module]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr


def test_where_nothing_is_installed_the_check_itself_still_runs(tmp_path):
    """The script alone, in a process where no package can be imported, and from another folder."""
    command = [sys.executable, "-I", "-S", SCRIPTS / "ibhelpers_check.py"]
    bare = {name: value for name, value in os.environ.items() if name != "IBHELPERS_DATA"}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=bare)
    assert ran.returncode == 1
    assert ran.stderr == ""
    state = {line[7:].partition(":")[0]: line[:6] for line in ran.stdout.splitlines()}
    assert state == {title: "[FAIL]" for title in ibhelpers_check.CHECKS} | {"Python": "[OK]  "}
