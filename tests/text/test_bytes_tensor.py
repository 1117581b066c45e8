import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintower.text.bytes_tensor import read_bytes_tensor


def laid_out(items: list[bytes]) -> np.ndarray:
    data = b"".join(struct.pack("<I", len(item)) + item for item in items)
    return np.frombuffer(bytearray(data), np.uint8)


@given(st.lists(st.binary(max_size=5)) | st.lists(st.binary(min_size=3, max_size=3)))
def test_what_was_laid_out_is_read(items: list[bytes]) -> None:
    assert read_bytes_tensor(laid_out(items)).tolist() == items


def test_items_of_one_length_are_read_together() -> None:
    assert read_bytes_tensor(laid_out([b"1774476456", b"1084763219"])).dtype == "S10"
    for others in ([b"abc", b"ab\0"], [b"abc", b"ab"], [b"", b""]):
        assert read_bytes_tensor(laid_out(others)).dtype == object


def test_lengths_that_only_look_alike_are_told_apart() -> None:
    # Cut into pieces of eight bytes, each begins with 4; the second item is twelve bytes long.
    items = [b"abcd", struct.pack("<I", 4) + b"efgh" + b"ijkl"]
    assert read_bytes_tensor(laid_out(items)).tolist() == items


@pytest.mark.parametrize("cut", [1, 3, 5, 11])
def test_a_tensor_that_ends_inside_an_item_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="inside an item"):
        read_bytes_tensor(laid_out([b"abcdef", b"gh"])[:-cut])
