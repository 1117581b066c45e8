"""Recipes: one TOML file says everything about one run.

``--set key=value`` overrides one key, written as in the file (``labels.pairs=500``).
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pintower.assets import asset
from pintower.config import Recipe
from pintower.errors import RecipeError
from pintower.targets import load_target

__all__ = ["default_recipe", "find_recipe", "load_recipe"]


def find_recipe(name: str) -> Path:
    """Return the file of a recipe given by path or by the name of a built-in one.

    Raises:
        RecipeError: if there is neither such a file nor such a built-in recipe.
    """
    path = Path(name)
    if path.is_file():
        return path
    built_in = asset("recipes")
    candidate = built_in / f"{path.stem}.toml"
    if path.name in (candidate.name, candidate.stem) and candidate.is_file():
        return candidate
    known = ", ".join(sorted(file.stem for file in built_in.glob("*.toml")))
    raise RecipeError(
        f"No recipe {name!r}: it is neither a file nor one of the built-in recipes ({known})."
    )


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply ``key=value`` overrides.

    Raises:
        RecipeError: for broken TOML, an unknown key, a value out of range or a bad override; and
            if the recipe is about a dataset and no path to one is given.
        InputError: for an unknown target.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path} does not exist.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}.") from None
    recipe = _validated(values, overrides, str(path))
    if recipe.data.requires_path and recipe.data.path is None:
        raise RecipeError(
            f"{path} needs a dataset: --set data.path=DIR. The comments in the recipe say which "
            "one and where to download it."
        )
    # A wrong one is better refused before hours of training.
    load_target(recipe.export.target, recipe.export.triton)
    return recipe


def default_recipe(overrides: Sequence[str]) -> Recipe:
    """Return a recipe of defaults but for ``key=value`` overrides.

    Raises:
        RecipeError: for an unknown key, a value out of range or a bad override.
    """
    return _validated({"name": "default"}, overrides, "The default recipe")


def _validated(values: dict[str, Any], overrides: Sequence[str], what: str) -> Recipe:
    for override in overrides:
        _apply(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        changed = " with its --set" if overrides else ""
        raise RecipeError(f"{what}{changed} is not a valid recipe:\n{_explain(error)}") from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts) or not text.strip():
        raise RecipeError(f"--set {override!r} is not of the form section.key=value.")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word or path needs no quotes
    *sections, last = parts
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise RecipeError(f"--set {override!r}: {section!r} is a value, not a section.")
    values[last] = value


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"  {key}: unknown key; allowed: {', '.join(_allowed(item['loc']))}")
        elif item["type"] == "missing":
            lines.append(f"  {key}: required, but missing")
        else:
            lines.append(f"  {key}: {item['msg']}, given {item['input']!r}")
    return "\n".join(lines)


def _allowed(location: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = Recipe
    for part in location[:-1]:
        annotation = model.model_fields[str(part)].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return sorted(model.model_fields)
