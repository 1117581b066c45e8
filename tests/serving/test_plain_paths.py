"""The genuine server in folders whose names a shell, ASCII or a list of folders would part."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pintower.client import Client
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.inspection import SHARED_MEMORY
from pintower.serving.layout import read_layout
from pintower.serving.plain_paths import plain_environment, plain_path
from pintower.serving.server import TritonServer
from tests.serving.test_server import shared_memory, shared_memory_prefix

NAMES = ["with a blank", "josé", "日本; & $(touch ran) `touch ran`", "'a\" \\ \n(x)"]


@pytest.fixture(params=["environment", "interpreter"])
def odd_environment(
    environment: ServerEnvironment, tmp_path: Path, request: pytest.FixtureRequest
) -> ServerEnvironment:
    """The server environment, or its interpreter, in a folder with a blank that is not ASCII."""
    home = tmp_path / "home of josé"
    home.mkdir()
    backends = environment.backend_directory
    if request.param == "environment":
        folder = home / "environment"
        folder.symlink_to(environment.folder)
        backends = shutil.copytree(environment.backend_directory, home / "backends")
    else:
        folder = tmp_path / "environment"
        folder.mkdir()
        (home / "python").symlink_to(read_layout(environment.folder).interpreter_library.parent)
        (folder / "pyvenv.cfg").write_text(f"home = {home / 'python' / 'bin'}\n")
        for name in ("bin", "lib"):
            (folder / name).symlink_to(environment.folder / name)
    old = str(environment.folder)
    return replace(
        environment,
        folder=folder,
        tritonserver=Path(str(environment.tritonserver).replace(old, str(folder))),
        library_path=environment.library_path.replace(old, str(folder)),
        backend_directory=backends,
        cache_directory=Path(str(environment.cache_directory).replace(old, str(folder))),
    )


@pytest.mark.parametrize("path", ["/srv/models", "/a-b_c.d/x,y=z/100%/a:b@c+d"])
def test_a_plain_path_is_left_as_it_is(path: str) -> None:
    assert plain_path(Path(path), "pintower_none_", "repository") == Path(path)


def test_a_plain_environment_is_left_as_it_is(environment: ServerEnvironment) -> None:
    assert plain_environment(environment, "pintower_none_") == environment
    assert not list(SHARED_MEMORY.glob("pintower_none_*"))


@pytest.mark.triton
@pytest.mark.parametrize("name", NAMES)
def test_a_repository_is_served_whatever_its_path(
    environment: ServerEnvironment, repository: Path, tmp_path: Path, name: str
) -> None:
    odd = tmp_path / name / "models"
    shutil.copytree(repository, odd)
    server = TritonServer(environment, odd, addresses=free_addresses())
    with server, Client(server.addresses.grpc_url) as client:
        assert client.rank("red", ["1"]).score.tolist() == [4.0]
        prefix = shared_memory_prefix(server.pid)
        assert any(path.is_symlink() for path in shared_memory(prefix))
    assert shared_memory(prefix) == []
    assert not list(Path.cwd().glob("ran")) + list(tmp_path.rglob("ran"))


@pytest.mark.triton
def test_a_server_runs_in_a_home_folder_of_any_name(
    odd_environment: ServerEnvironment, repository: Path
) -> None:
    server = TritonServer(odd_environment, repository, addresses=free_addresses())
    with server, Client(server.addresses.grpc_url) as client:
        assert client.rank("red", ["1"]).score.tolist() == [4.0]
