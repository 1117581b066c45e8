from pathlib import Path

import pytest
from huggingface_hub.utils import filter_repo_objects

from pintower.errors import StudentError
from pintower.models import backbones
from pintower.models.backbones import find_backbone


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that the hub is asked for, which gives none."""
    names: list[str] = []

    def refuse(name: str, **_: object) -> str:
        names.append(name)
        raise OSError("no network")

    monkeypatch.setattr(backbones, "snapshot_download", refuse)
    return names


@pytest.mark.parametrize(
    "path", ["./nosuchdir", "../nosuchdir", ".", "/no/where", "~/nosuchdir", "nosuchdir/", "a/b/c"]
)
def test_a_path_that_is_not_there_is_refused_without_asking_the_hub(
    asked: list[str], path: str
) -> None:
    with pytest.raises(StudentError, match="encoder"):
        find_backbone(path)
    assert asked == []


@pytest.mark.parametrize("name", ["no-such-encoder", "nobody/no-such-encoder"])
def test_a_name_is_asked_of_the_hub(asked: list[str], name: str) -> None:
    with pytest.raises(StudentError, match="cannot be found"):
        find_backbone(name)
    assert asked == [name if "/" in name else f"sentence-transformers/{name}"]


@pytest.mark.parametrize(
    ("files", "fetched"),
    [
        (
            ["config.json", "model.safetensors", "pytorch_model.bin", "onnx/model.onnx"],
            {"config.json", "model.safetensors"},
        ),
        (["config.json", "pytorch_model.bin"], {"config.json", "pytorch_model.bin"}),
        (
            ["config.json", "model.safetensors", "2_Dense/pytorch_model.bin"],
            {"config.json", "model.safetensors", "2_Dense/pytorch_model.bin"},
        ),
    ],
)
def test_weights_are_fetched_in_one_form(
    files: list[str], fetched: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give(name: str, *, allow_patterns: list[str]) -> str:
        for file in filter_repo_objects(files, allow_patterns=allow_patterns):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
        return str(tmp_path)

    monkeypatch.setattr(backbones, "snapshot_download", give)
    assert find_backbone("some/encoder") == tmp_path
    given = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert given == fetched
