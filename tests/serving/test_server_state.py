import os
import subprocess
import sys
from pathlib import Path

import pytest

from pintower.errors import InputError
from pintower.serving.addresses import Addresses
from pintower.serving.state import read_state, remove_state, write_state


def test_a_running_server_is_found(tmp_path: Path) -> None:
    path = tmp_path / "run" / "server.json"
    written = write_state(path, os.getpid(), Addresses(1, 2, 3), tmp_path)
    assert read_state(path) == written
    assert written.addresses.grpc_url == "127.0.0.1:2"


def test_a_server_that_ended_is_not_found(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        write_state(path, process.pid, Addresses(), tmp_path)
        assert read_state(path) is not None
        process.kill()
    assert read_state(path) is None


def test_another_process_with_the_same_number_is_not_taken_for_the_server(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    state = write_state(path, os.getpid(), Addresses(), tmp_path)
    ticks = f'"started_ticks": {state.started_ticks}'
    path.write_text(path.read_text().replace(ticks, '"started_ticks": 1'))
    assert read_state(path) is None


def test_no_file_means_no_server(tmp_path: Path) -> None:
    assert read_state(tmp_path / "server.json") is None


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="not the state file"):
        read_state(path)


def test_a_server_does_not_remove_the_state_of_its_successor(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    write_state(path, os.getpid(), Addresses(), tmp_path)
    remove_state(path, pid=os.getpid() + 1)
    assert path.exists()
    remove_state(path, pid=os.getpid())
    assert not path.exists()
