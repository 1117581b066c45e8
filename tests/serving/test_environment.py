import os
from pathlib import Path

import pytest

from pintower.errors import SetupError
from pintower.serving import installation
from pintower.serving.environment import (
    ENVIRONMENT_VARIABLE,
    ServerEnvironment,
    ensure_environment,
    environment_folder,
    find_environment,
    inspect_environment,
)
from pintower.serving.layout import read_layout
from pintower.triton_releases import load_triton_release


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all files of an environment, all of them empty, in place of the real one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "env"
    packages = folder / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = {tmp_path / 'base' / 'bin'}\n")
    layout = read_layout(folder)
    files = [
        layout.python,
        layout.perf_analyzer,
        layout.tritonserver,
        layout.stub,
        layout.python_backend / "libtriton_python.so",
        layout.python_backend / "triton_python_backend_utils.py",
        layout.caches / "local" / "libtritoncache_local.so",
        layout.libraries / "libb64-1.so.0d",
        layout.libraries / "libcudart-1.so.12",
        layout.interpreter_library / layout.libpython_name,
        packages / "numpy-1.26.4.dist-info" / "METADATA",
        packages / "onnxruntime-1.19.2.dist-info" / "METADATA",
        packages / "tokenizers-0.22.2.dist-info" / "METADATA",
    ]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(folder))
    return folder


def test_an_environment_is_assembled_with_stub_and_strict_backend(fake: Path) -> None:
    found = find_environment()
    assert found is not None
    assert found.folder == fake
    python = {path.name for path in (found.backend_directory / "python").iterdir()}
    assert python == {
        "libtriton_python.so",
        "triton_python_backend_stub",
        "triton_python_backend_utils.py",
    }
    assert (found.backend_directory / "onnxruntime" / "model.py").is_file()
    perf = Path(found.perf_library_path)
    assert {path.name for path in perf.iterdir()} == {"libb64.so.0d", "libcudart.so.12"}
    variables = found.server_variables()
    assert variables["PATH"].split(os.pathsep)[0] == str(fake / "bin")
    assert "PYTHONPATH" not in variables


def test_numpy_2_is_refused_with_what_to_do(fake: Path) -> None:
    packages = fake / "lib" / "python3.11" / "site-packages"
    (packages / "numpy-1.26.4.dist-info").rename(packages / "numpy-2.1.0.dist-info")
    with pytest.raises(SetupError, match=r"numpy below 2: 2\.1\.0.*1\.26\.4"):
        find_environment()


def test_a_missing_tritonserver_is_refused(fake: Path) -> None:
    read_layout(fake).tritonserver.unlink()
    with pytest.raises(SetupError, match=r"tritonserver: .* does not exist"):
        find_environment()


def test_a_missing_perf_analyzer_does_not_stop_serving(fake: Path) -> None:
    read_layout(fake).perf_analyzer.unlink()
    found = find_environment()
    assert found is not None
    assert found.perf_analyzer is None


def test_nothing_is_installed_into_a_mistyped_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "mistyped"))
    with pytest.raises(SetupError, match="mistyped, which is no server environment"):
        ensure_environment()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_installation_does_not_count(fake: Path) -> None:
    (fake / installation.INCOMPLETE).touch()
    assert find_environment() is None
    assert not inspect_environment()[0].ok


def test_a_failed_installation_stays_incomplete_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_venv(folder: Path, cache: Path) -> None:
        python = folder / "bin" / "python"
        python.parent.mkdir()
        python.write_text("#!/bin/sh\necho ERROR: no index reachable\nexit 1\n")
        python.chmod(0o755)

    monkeypatch.setattr(installation, "_make_venv", broken_venv)
    with pytest.raises(SetupError, match="no index reachable"):
        installation.install(tmp_path / "env", "1.19.2", tmp_path)
    assert installation.is_incomplete(tmp_path / "env")


def test_the_default_folder_follows_requirements_python_and_onnxruntime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = environment_folder()
    assert folder.parent == tmp_path / "pintower"
    assert folder.name == f"triton-{installation.environment_key('1.19.2')}"
    later = environment_folder(load_triton_release("26.11"))
    assert later.name == f"triton-{installation.environment_key('1.27.0')}" != folder.name


def test_an_environment_of_another_release_is_refused(fake: Path) -> None:
    message = r"onnxruntime: 1\.19\.2\. Triton 26\.11 has onnxruntime 1\.27\.0"
    with pytest.raises(SetupError, match=message):
        find_environment(load_triton_release("26.11"))


def test_inspection_names_a_port_in_use(fake: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = next(c for c in inspect_environment(ports=(port,)) if c.name == f"port {port}")
    assert not check.ok
    assert str(port) in check.remedy


@pytest.mark.triton
def test_the_installed_environment_passes_every_check(environment: ServerEnvironment) -> None:
    checks = inspect_environment(ports=())
    assert [check for check in checks if not check.ok] == []
    assert environment.perf_analyzer is not None
