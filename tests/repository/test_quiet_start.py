"""A release starts without a warning, under the flags of a careful production server."""

import re
from pathlib import Path

import pytest

from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.server import TritonServer

pytestmark = pytest.mark.triton

OF_A_MACHINE_WITHOUT_A_GPU = re.compile("CUDA|Cuda|NVML|DCGM")


def test_nothing_of_the_repository_is_warned_of(built: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    server = TritonServer(
        ensure_environment(), built, addresses=free_addresses(), cache_bytes=1 << 22, log_file=log
    )
    with server:
        pass
    text = log.read_text()
    assert re.search(r"strict_readiness +\| 1 ", text)
    assert "successfully loaded 'relevance'" in text
    lines = [line for line in text.splitlines() if re.match(r"[WEF]\d{4} |\w*(Error|Warn)", line)]
    assert lines, "the machine's own warnings are in this log, so warnings are seen at all"
    assert [line for line in lines if not OF_A_MACHINE_WITHOUT_A_GPU.search(line)] == []
