"""The container's command: flags that the genuine server knows, and a cache that can be shared."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from pintower.errors import InputError
from pintower.serving.container import container_command
from pintower.serving.environment import ensure_environment
from pintower.triton_releases import load_triton_release

OLD, NEW = (load_triton_release(name) for name in ("24.10", "26.11"))


def inner(command: str) -> list[str]:
    """The words of what runs inside the container."""
    return shlex.split(shlex.split(command.replace("\\\n", ""), comments=True)[-1])


def test_the_command_is_one_that_a_shell_takes(tmp_path: Path) -> None:
    place = tmp_path / "my models"
    command = container_command(place, OLD, cache_bytes=1 << 26, redis=None, gpu=False)
    words = shlex.split(command.replace("\\\n", ""), comments=True)
    assert words[:2] == ["docker", "run"]
    assert f"{place}:/models:ro" in words and "--shm-size=1g" in words
    assert "nvcr.io/nvidia/tritonserver:24.10-py3" in words
    said = inner(command)
    assert "numpy>=1.26,<2" in said and "--cache-config=local,size=67108864" in said


def test_a_releases_command_has_its_image_and_its_numpy(tmp_path: Path) -> None:
    command = container_command(tmp_path, NEW, cache_bytes=1, redis=None, gpu=False)
    assert "nvcr.io/nvidia/tritonserver:26.11-py3" in command
    assert "numpy>=1.26,<3" in inner(command) and "known faults" not in command
    older = container_command(tmp_path, OLD, cache_bytes=1, redis=None, gpu=False)
    assert "# Triton 24.10 has 6 known faults that later releases mended" in older
    assert "in production run 26.11, built with --triton 26.11." in older


def test_a_shared_cache_is_never_waited_for_without_end() -> None:
    """Triton's own defaults are 0: for ever."""
    command = container_command(
        Path("m"),
        OLD,
        cache_bytes=1,
        redis="cache.internal:6379",
        gpu=True,
    )
    options = dict(re.findall(r"redis,(\w+)=(\S+?)['\s]", command + " "))
    assert options["host"] == "cache.internal" and options["port"] == "6379"
    assert all(
        0 < int(options[f"{kind}_timeout"]) < 1_000 for kind in ("connect", "socket", "wait")
    )
    assert "local,size" not in command and "--gpus=all" in command


@pytest.mark.parametrize(
    "redis", ["", "cache", "cache:", "redis://cache:6379", "a,b=c:1", "a:99999"]
)
def test_a_redis_that_is_no_address_is_refused(redis: str) -> None:
    with pytest.raises(InputError, match="wanted is host:port"):
        container_command(Path("m"), OLD, cache_bytes=0, redis=redis, gpu=False)


@pytest.mark.triton
def test_the_genuine_server_knows_every_flag() -> None:
    environment = ensure_environment()
    told = subprocess.run(
        [str(environment.tritonserver), "--help"],
        env={**os.environ, **environment.server_variables()},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    known = set(re.findall(r"--[a-z0-9-]+", told.stdout + told.stderr))
    command = container_command(Path("m"), OLD, cache_bytes=1, redis="r:1", gpu=False)
    flags = {word.partition("=")[0] for word in inner(command) if word.startswith("--")}
    assert flags - {"--quiet"} <= known and "--disable-auto-complete-config" in flags
