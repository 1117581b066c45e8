"""Keeping CPUs from sleeping: what the kernel is told, and refusals."""

import struct
from pathlib import Path

import pytest

from pintower.errors import SetupError
from pintower.serving.wakeful import wakeful_cpus


def test_the_kernel_is_asked_for_no_latency_while_the_block_lasts(tmp_path: Path) -> None:
    device = tmp_path / "cpu_dma_latency"
    device.touch()

    def open_files() -> list[Path]:
        return [path.resolve() for path in Path("/proc/self/fd").iterdir()]

    with wakeful_cpus(device):
        assert struct.unpack("i", device.read_bytes()) == (0,)
        assert device.resolve() in open_files()
    assert device.resolve() not in open_files()


def test_a_kernel_without_the_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(SetupError, match=r"cannot be kept awake.*--device"),
        wakeful_cpus(tmp_path / "absent"),
    ):
        pytest.fail("the block was entered")
