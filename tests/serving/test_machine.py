"""What this machine has, from the files that say it."""

from pathlib import Path

import pytest

from pintower.serving import machine


def test_flags_are_those_of_the_first_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\n\nprocessor\t: 1\n")
    monkeypatch.setattr(machine, "_CPU", path)
    assert machine.cpu_flags() == {"fpu", "avx2", "avx512_vnni"}


def test_a_machine_that_says_nothing_has_no_flags_and_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "_GPUS", tmp_path / "gpus")
    assert machine.cpu_flags() == frozenset()
    assert machine.cuda_devices() == 0


def test_gpus_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("0000:17:00.0", "0000:65:00.0"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(machine, "_GPUS", tmp_path)
    assert machine.cuda_devices() == 2
