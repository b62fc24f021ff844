"""The checks of arguments."""

import math
import re

import numpy as np
import pytest

from ibhelpers._arguments import available_device, non_negative, one_of, positive, whole


def test_what_passes():
    assert whole("n", np.int64(3), at_least=1) == 3
    assert whole("n", 3, at_least=1, at_most=3) == 3
    assert positive("dt", np.float32(0.5)) == 0.5
    assert non_negative("noise", 0) == 0.0
    assert one_of("name", "b", {"a": 1, "b": 2}) == "b"


@pytest.mark.parametrize("found", [0, 4, 2.0, "2", True, None, math.nan])
def test_not_a_whole_from_1_to_3(found):
    with pytest.raises(ValueError, match=r"n: found .*give a whole number from 1 to 3"):
        whole("n", found, at_least=1, at_most=3)


@pytest.mark.parametrize("found", [0, -1.0, math.nan, math.inf, "1", True, None, 1j])
def test_not_a_positive_quantity(found):
    with pytest.raises(ValueError, match="dt: found "):
        positive("dt", found)


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"name: found 'mnits'; known are digits, mnist\. Did you"):
        one_of("name", "mnits", ["mnist", "digits"])
    with pytest.raises(ValueError, match=r"known are a\.$"):
        one_of("name", 3, ["a"])


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "meta", 3.5, []])
def test_a_device_that_is_not_there(device):
    found = re.escape(repr(device))
    with pytest.raises(ValueError, match=rf"device: found {found}.* this machine has 'cpu'"):
        available_device(device)


def test_a_device_that_is_there():
    assert available_device(None).type == "cpu"
