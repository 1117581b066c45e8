"""Starting and ending servers; none may be left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pintower.errors import InputError, SetupError
from pintower.serving import server as serving
from pintower.serving.addresses import Addresses, check_free, free_addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.server import TritonServer, server_command
from pintower.serving.state import read_state

PARENT = """
import sys, time
from pathlib import Path
from pintower.serving.addresses import Addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.server import TritonServer

repository, state, *ports = sys.argv[1:]
with TritonServer(
    ensure_environment(),
    Path(repository),
    models=["plain"],
    addresses=Addresses(*map(int, ports)),
    state_file=Path(state),
    log_file=Path(state).with_suffix(".log"),
):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_port_in_use_is_named_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"Port {port}, wanted for gRPC, is in use"):
            check_free(Addresses(free_addresses().http, port, free_addresses().metrics))


def test_one_port_for_two_purposes_is_refused() -> None:
    with pytest.raises(SetupError, match="have to differ"):
        check_free(Addresses(8000, 8000, 8002))


def fake_environment() -> ServerEnvironment:
    here = Path("/env")
    return ServerEnvironment(here, here, here, "", here / "backends", here / "caches", None, "")


def test_the_command_line_is_loopback_only_and_explicit() -> None:
    command = server_command(
        fake_environment(),
        Path("/models"),
        addresses=Addresses(),
        models=("relevance",),
        cache_bytes=1024,
        shm_prefix="p_",
    )
    assert "--load-model=relevance" in command
    assert "--disable-auto-complete-config" in command
    assert "--cache-config=local,size=1024" in command
    assert [part for part in command if "-address=" in part] == [
        "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1",
        "--metrics-address=127.0.0.1",
    ]


def test_without_a_cache_no_cache_is_configured() -> None:
    command = server_command(
        fake_environment(),
        Path("/models"),
        addresses=Addresses(),
        models=(),
        cache_bytes=0,
        shm_prefix="p_",
    )
    assert not [part for part in command if "cache" in part or "load-model" in part]


def test_a_repository_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        TritonServer(fake_environment(), tmp_path / "absent").start()


def test_a_server_that_cannot_run_tells_its_last_lines(tmp_path: Path) -> None:
    broken = tmp_path / "tritonserver"
    broken.write_text("#!/bin/sh\necho 'error: no such library'\nexit 3\n")
    broken.chmod(0o755)
    environment = ServerEnvironment(tmp_path, broken, broken, "", tmp_path, tmp_path, None, "")
    server = TritonServer(environment, tmp_path, addresses=free_addresses())
    with pytest.raises(SetupError, match="no such library") as caught:
        server.start()
    assert server.log_file is not None
    assert str(server.log_file) in str(caught.value)
    assert "no such library" in server.log_file.read_text()
    server.log_file.unlink()


def test_a_server_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    hanging = tmp_path / "tritonserver"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o755)
    environment = ServerEnvironment(tmp_path, hanging, hanging, "", tmp_path, tmp_path, None, "")
    log = tmp_path / "log"
    server = TritonServer(
        environment, tmp_path, addresses=free_addresses(), timeout=1, log_file=log
    )
    with pytest.raises(SetupError, match="not ready within 1 s"):
        server.start()
    assert processes_of(str(tmp_path)) == []


def test_a_server_says_where_its_log_is_and_what_it_waits_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "tritonserver"
    slow.write_text("#!/bin/sh\necho '\"loading: scorer:1\"'\nexec sleep 600\n")
    slow.chmod(0o755)
    environment = ServerEnvironment(tmp_path, slow, slow, "", tmp_path, tmp_path, None, "")
    monkeypatch.setattr(serving, "_SAID_SECONDS", 0.5)
    server = TritonServer(environment, tmp_path, addresses=free_addresses(), timeout=2)
    with caplog.at_level("INFO"), pytest.raises(SetupError) as told:
        server.start()
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == f"Starting Triton on {tmp_path}; its log is {server.log_file}"
    assert "not ready after 1 s: 0 models are loaded, it is loading scorer" in said[1]
    assert str(server.log_file) in str(told.value)


@pytest.mark.triton
@pytest.mark.parametrize(
    ("how", "said"),
    [
        (signal.SIGKILL, "was killed by SIGKILL, .* logged no error"),
        (signal.SIGSEGV, r"was ended by SIGSEGV \(signal 11\). .*:\n  Signal \(11\) received.\n"),
    ],
)
def test_a_server_that_was_killed_is_told_by_the_signal(
    environment: ServerEnvironment, own_repository: Path, how: signal.Signals, said: str
) -> None:
    server = TritonServer(environment, own_repository, addresses=free_addresses())
    with server:
        command = f"{environment.tritonserver}\0--model-repository={own_repository}"
        (pid,) = [one for one in processes_of(command) if one != server.pid]
        os.kill(pid, how)
        with pytest.raises(SetupError, match=said) as told:
            server.wait()
    assert "CUDA" not in str(told.value)


def processes_of(text: str) -> list[int]:
    """Return the processes whose command line or working folder has ``text`` in it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text in command and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def shared_memory_prefix(guard: int) -> str:
    """Return the start of the names of a server's shared memory, from its guard's command line."""
    parts = Path(f"/proc/{guard}/cmdline").read_text().split("\0")
    return next(part for part in parts if part.startswith("pintower_"))


def shared_memory(prefix: str) -> list[Path]:
    return list(Path("/dev/shm").glob(f"{prefix}*"))


@pytest.fixture
def own_repository(repository: Path, tmp_path: Path) -> Path:
    """A link to the repository whose name no other process has in its command line."""
    folder = tmp_path / "own"
    folder.mkdir()
    for model in ("plain",):
        (folder / model).symlink_to(repository / model)
    return folder


@pytest.mark.triton
def test_state_is_there_while_the_server_runs_and_nothing_is_after(
    environment: ServerEnvironment, own_repository: Path, tmp_path: Path
) -> None:
    state_file = tmp_path / "server.json"
    addresses = free_addresses()
    server = TritonServer(environment, own_repository, addresses=addresses, state_file=state_file)
    with server:
        state = read_state(state_file)
        assert state is not None
        assert state.addresses == addresses
        assert len(processes_of(str(own_repository))) >= 3  # guard, server, stub
        prefix = shared_memory_prefix(state.pid)
        assert shared_memory(prefix)
        with pytest.raises(SetupError, match="in use"):
            TritonServer(environment, own_repository, addresses=addresses).start()
    assert processes_of(str(own_repository)) == []
    assert shared_memory(prefix) == []
    assert not state_file.exists()
    assert server.log_file is None


@pytest.mark.triton
def test_an_exception_inside_the_block_ends_the_server(
    environment: ServerEnvironment, own_repository: Path
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        TritonServer(environment, own_repository, addresses=free_addresses()),
    ):
        raise KeyboardInterrupt
    assert processes_of(str(own_repository)) == []


@pytest.mark.triton
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("who", ["parent", "guard"])
def test_no_server_is_left_when_its_parent_or_its_guard_is_killed(
    environment: ServerEnvironment,
    own_repository: Path,
    tmp_path: Path,
    who: str,
    how: signal.Signals,
) -> None:
    ports = free_addresses()
    state_file = tmp_path / "server.json"
    command = [sys.executable, "-c", PARENT, str(own_repository), str(state_file)]
    command += [str(port) for port in (ports.http, ports.grpc, ports.metrics)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        state = read_state(state_file)
        assert state is not None
        prefix = shared_memory_prefix(state.pid)
        os.kill(parent.pid if who == "parent" else state.pid, how)
        children = set(processes_of(str(own_repository))) - {parent.pid}
        assert children
        assert wait_until(lambda: not children & set(processes_of(str(own_repository))))
        assert wait_until(lambda: shared_memory(prefix) == [])
        assert read_state(state_file) is None
    finally:
        parent.kill()
        parent.communicate()
