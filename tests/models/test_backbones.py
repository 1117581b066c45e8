import pytest

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
