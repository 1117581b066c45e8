"""``pintower query`` beside a server: it ranks by what the work folder holds, or not at all."""

import asyncio
import json
import logging
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from pintower.cli import app
from pintower.cli.served import STATE
from pintower.client import AsyncClient, Client
from pintower.client.messages import RestrictedError
from pintower.config import PinsConfig, RepositoryConfig
from pintower.errors import PintowerError, RepositoryError, SetupError
from pintower.pins import run as embed
from pintower.repository import run as build
from pintower.repository.pbtxt import CONFIG_FILE, format_config, read_config
from pintower.repository.release_file import Release
from pintower.serving import server as serving
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.server import TritonServer, server_command
from tests.repository.conftest import built, stage_folders
from tests.serving.conftest import environment

__all__ = ["built", "environment", "stage_folders"]

pytestmark = pytest.mark.triton
CONFIG = RepositoryConfig(pairs=20, candidates=10, golden_queries=3, served_gates=False)


@pytest.fixture
def workdir(stage_folders: dict[str, Path], built: Path, tmp_path: Path) -> Path:
    """A work folder as a build leaves it."""
    workdir = tmp_path / "[shop] jo'sé"
    for name, folder in {**stage_folders, "models": built}.items():
        shutil.copytree(folder, workdir / name)
        if not (workdir / name / "manifest.json").is_file():
            complete(workdir / name)
    return workdir


def complete(folder: Path) -> None:
    manifest = {"stage": folder.name, "key": "", "content": "", "created": 0, "seconds": 0}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "info": {}}))


def embed_new_pin(workdir: Path, student: Path) -> None:
    """Add a pin to the catalogue and embed it, as the stages data and pins do."""
    path = workdir / "data" / "pins.parquet"
    pins = pl.read_parquet(path, glob=False)
    new = pins[:1].with_columns(pin_id=pl.lit("new"), title=pl.lit("red shoes brand new"))
    pl.concat([pins, new]).write_parquet(path)
    shutil.rmtree(workdir / "pins")
    (workdir / "pins").mkdir()
    folders = {name: workdir / name for name in ("data", "export")}
    embed(PinsConfig(threads=1), {"student": student, **folders}, workdir / "pins")
    complete(workdir / "pins")


def build_again(workdir: Path) -> None:
    """Put a repository of what the work folder holds now in the place of the old one."""
    shutil.rmtree(workdir / "models")
    (workdir / "models").mkdir()
    build(CONFIG, {name: workdir / name for name in ("data", "export", "pins")}, workdir / "models")
    complete(workdir / "models")


@pytest.fixture
def server(environment: ServerEnvironment, workdir: Path) -> Iterator[TritonServer]:
    """A server of the work folder's release, as `pintower serve` starts it."""
    server = TritonServer(
        environment,
        workdir / "models",
        addresses=free_addresses(),
        state_file=workdir / STATE,
    )
    with server:
        yield server


def query(workdir: Path, *options: str) -> set[str]:
    """Return the pins that a query is answered with."""
    arguments = ["query", "red shoes", "--workdir", str(workdir), "--json", *options]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert all(item["valid"] for item in answer["ranking"])
    return {item["pin_id"] for item in answer["ranking"]}


def test_a_server_of_the_release_before_is_not_asked(
    workdir: Path, tiny_student: Path, server: TritonServer
) -> None:
    asked = (), ("--url", server.addresses.grpc_url)
    for options in asked:
        assert "new" not in query(workdir, *options)
    embed_new_pin(workdir, tiny_student)
    build_again(workdir)
    for options in asked:
        with pytest.raises(RepositoryError, match="another release .* its pin snapshot is") as told:
            query(workdir, *options)
        assert told.value.exit_code == 2
        assert f"pintower serve {shlex.quote(str(workdir / 'models'))}" in str(told.value)
    assert "new" in query(workdir, "--start")
    with TritonServer(server.environment, workdir / "models", addresses=free_addresses()) as anew:
        assert "new" in query(workdir, "--url", anew.addresses.grpc_url)


def test_a_work_folder_with_pins_alone_is_compared_by_its_snapshot(
    workdir: Path, tiny_student: Path, server: TritonServer
) -> None:
    url = ("--url", server.addresses.grpc_url)
    shutil.rmtree(workdir / "models")
    assert query(workdir, *url)
    embed_new_pin(workdir, tiny_student)
    with pytest.raises(RepositoryError, match="its pin snapshot is"):
        query(workdir, *url)


def test_a_build_that_stopped_between_pins_and_repository_is_not_asked(
    workdir: Path, tiny_student: Path
) -> None:
    embed_new_pin(workdir, tiny_student)
    for command in (["query", "red shoes", "--start", "--workdir"], ["bench", "--workdir"]):
        with pytest.raises(RepositoryError, match="did not come to its end"):
            CliRunner().invoke(app, [*command, str(workdir)], catch_exceptions=False)


def test_a_server_of_another_student_is_told_by_the_part_that_differs(
    workdir: Path, server: TritonServer
) -> None:
    path = workdir / "models" / "release.json"
    kept = path.read_text()
    for part, said in (
        ("space_id", "space id"),
        ("query_encoder", "query encoder"),
        ("scorer", "scoring head"),
        ("text_package", "text package"),
    ):
        release = json.loads(kept)
        place = release["artifacts"] if part in release["artifacts"] else release
        place[part] = "f" * 64
        path.write_text(json.dumps(release))
        with pytest.raises(RepositoryError, match=f"its {said} is .*, the work folder's ffffffff"):
            query(workdir, "--url", server.addresses.grpc_url)


def test_a_release_that_says_nothing_of_itself_is_another_one(
    workdir: Path, environment: ServerEnvironment
) -> None:
    path = workdir / "models" / "relevance" / CONFIG_FILE
    config = read_config(path)
    config.parameters.clear()
    path.write_text(format_config(config))
    with (
        TritonServer(environment, workdir / "models", addresses=free_addresses()) as server,
        pytest.raises(RepositoryError, match="its space id is not stated"),
    ):
        query(workdir, "--url", server.addresses.grpc_url)


def test_a_server_that_keeps_its_configurations_to_itself_is_asked_with_a_warning(
    workdir: Path,
    environment: ServerEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def restricted(*arguments: object, **named: object) -> list[str]:
        command = server_command(*arguments, **named)  # type: ignore[arg-type]
        return [*command, "--grpc-restricted-protocol=model-config:key=secret"]

    monkeypatch.setattr(serving, "server_command", restricted)
    with TritonServer(environment, workdir / "models", addresses=free_addresses()) as server:
        url = server.addresses.grpc_url
        with Client(url) as client, pytest.raises(RestrictedError):
            client.release()
        with caplog.at_level(logging.WARNING):
            assert query(workdir, "--url", url)
    assert f"Whether it serves what {workdir} holds is not known" in caplog.text


def test_clients_tell_the_served_release(workdir: Path, server: TritonServer) -> None:
    async def ask(url: str) -> dict[str, str]:
        async with AsyncClient(url, timeout=2) as client:
            return await client.release()

    wanted = Release.load(workdir / "models" / "release.json").identity
    url = server.addresses.grpc_url
    with Client(url) as client:
        assert client.release() == asyncio.run(ask(url)) == wanted
    with Client("127.0.0.1:9", timeout=2) as client, pytest.raises(SetupError, match="No Triton"):
        client.release()
    with pytest.raises(PintowerError, match="No Triton"):
        asyncio.run(ask("127.0.0.1:9"))
