from pathlib import Path

import pytest

from pintower.assets import asset
from pintower.errors import PintowerError, RecipeError
from pintower.recipes import find_recipe, load_recipe


def recipe(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["demo", "smoke", "demo.toml"])
def test_built_in_recipes_run_without_a_dataset(name: str) -> None:
    assert load_recipe(find_recipe(name)).name == name.removesuffix(".toml")


@pytest.mark.parametrize("path", sorted(asset("recipes").glob("*.toml")), ids=lambda p: p.stem)
def test_every_built_in_recipe_is_found_by_its_name_and_is_valid(path: Path) -> None:
    found = find_recipe(path.stem)
    assert found == path
    assert load_recipe(found, ["data.path=../x"]).name == path.stem


def test_unknown_key_is_refused_with_the_allowed_ones(tmp_path: Path) -> None:
    path = recipe(tmp_path, 'name = "mine"\n[labels]\npair = 5\n')
    with pytest.raises(RecipeError, match=r"labels\.pair: unknown key; allowed: .*pairs"):
        load_recipe(path)


@pytest.mark.parametrize("text", ['name = "mine"\n[labels]\npairs = 0\n', 'name = "Mine!"\n'])
def test_value_out_of_range_is_refused_with_the_value(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecipeError, match="given (0|'Mine!')"):
        load_recipe(recipe(tmp_path, text))


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(path)


def test_overrides_are_typed_and_reach_nested_sections(tmp_path: Path) -> None:
    path = recipe(tmp_path, 'name = "mine"\n')
    loaded = load_recipe(
        path,
        ["labels.pairs=7", "data.synthetic.pins=99", "data.path=../x", "student.hidden=[8, 4]"],
    )
    assert loaded.labels.pairs == 7
    assert loaded.data.synthetic.pins == 99
    assert loaded.data.path == Path("../x")
    assert loaded.student.hidden == (8, 4)


@pytest.mark.parametrize("written", ["24.10", '"24.10"', "26.11"])
def test_a_triton_release_may_be_written_as_a_number(written: str) -> None:
    loaded = load_recipe(find_recipe("smoke"), [f"export.triton={written}"])
    assert loaded.export.triton == written.strip('"')


@pytest.mark.parametrize(
    ("written", "message"), [("25.02", "Unknown Triton release '25.02'"), ("latest", "triton")]
)
def test_an_unknown_triton_release_is_refused_before_anything_runs(
    written: str, message: str
) -> None:
    with pytest.raises(PintowerError, match=message):
        load_recipe(find_recipe("smoke"), [f"export.triton={written}"])


def test_a_recipe_about_one_dataset_is_refused_without_a_path(tmp_path: Path) -> None:
    path = recipe(tmp_path, 'name = "mine"\n[data]\nrequires_path = true\n')
    with pytest.raises(RecipeError, match=r"mine\.toml needs a dataset: --set data\.path=DIR"):
        load_recipe(path)
    assert load_recipe(path, ["data.path=../x"]).data.path == Path("../x")


@pytest.mark.parametrize("override", ["labels", "=5", "labels..pairs=5", "name.x=5", "data.path="])
def test_a_malformed_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(RecipeError, match="--set"):
        load_recipe(recipe(tmp_path, 'name = "mine"\n'), [override])


def test_an_unknown_recipe_is_refused_with_the_built_in_ones() -> None:
    with pytest.raises(RecipeError, match="demo.*smoke"):
        find_recipe("no-such-recipe")
