"""Folders that send queries and documents through layers of their own."""

import json
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import LayerNorm, Normalize, Pooling
from torch import nn

from pintower.errors import StudentError
from pintower.models.adoption.encoder import Adopted, adopt_encoder
from tests.models.adoption.tiny_encoders import write_routed


def kinds(encoder: SentenceTransformer) -> list[str]:
    return [type(module).__name__ for module in encoder]


def dense(width: int = 8) -> Dense:
    return Dense(32, width, activation_function=nn.Identity())


def test_routes_become_the_two_sides(backbone: Path, tmp_path: Path) -> None:
    transformer, pooling = Transformer(str(backbone)), Pooling(32, "mean")
    routes = {
        "query": [transformer, pooling, dense()],
        "document": [transformer, pooling, LayerNorm(32), dense()],
    }
    adopted = adopt_encoder(write_routed(tmp_path, routes, after=[Normalize()]), None)
    assert kinds(adopted.query) == ["Transformer", "Pooling", "Dense", "Normalize"]
    assert kinds(adopted.pin) == ["Transformer", "Pooling", "LayerNorm", "Dense", "Normalize"]


@pytest.mark.parametrize("named", ["document", "doc", "passage", "corpus"])
@pytest.mark.parametrize("old", [False, True])
def test_layers_behind_a_shared_transformer_may_be_routed(
    named: str, old: bool, backbone: Path, tmp_path: Path
) -> None:
    """The form that Asym's own documentation shows."""
    before = [Transformer(str(backbone)), Pooling(32, "cls")]
    routes = {"query": [dense()], named: [dense()]}
    folder = write_routed(tmp_path, routes, before=before)
    if old:
        as_asym(folder)
    adopted = adopt_encoder(folder, None)
    assert kinds(adopted.query) == ["Transformer", "Pooling", "Dense", "Normalize"]
    assert adopted.query[2] is not adopted.pin[2]


def as_asym(folder: Path) -> None:
    """Rewrite a router's files as sentence-transformers 2 and 3 did."""
    modules = json.loads((folder / "modules.json").read_text())
    (router,) = (module for module in modules if module["type"].endswith("Router"))
    router["type"] = "sentence_transformers.models.Asym"
    (folder / "modules.json").write_text(json.dumps(modules))
    place = folder / router["path"]
    described = json.loads((place / "router_config.json").read_text())
    described["parameters"] = {"allow_empty_key": True}
    described["types"] = {
        name: f"sentence_transformers.models.{kind.rpartition('.')[2]}"
        for name, kind in described["types"].items()
    }
    (place / "config.json").write_text(json.dumps(described))
    (place / "router_config.json").unlink()


def test_mappings_come_before_names(backbone: Path, tmp_path: Path) -> None:
    before = [Transformer(str(backbone)), Pooling(32)]
    routes = {"query": [dense()], "long": [LayerNorm(32), dense()]}
    mappings = {("document", "text"): "long", ("query", None): "query"}
    folder = write_routed(tmp_path, routes, before=before, route_mappings=mappings)
    assert kinds(adopt_encoder(folder, None).pin)[2:4] == ["LayerNorm", "Dense"]


@pytest.mark.parametrize(
    ("names", "settings", "said"),
    [
        (("query", "answer"), {}, "has the routes 'query', 'answer', none of them for a document"),
        (("left", "right"), {}, "none of them for a query. Name one 'query' in"),
        (("query", "right"), {"default_route": "right"}, "none of them for a document"),
    ],
)
def test_unknown_names_are_refused_in_words(
    names: tuple[str, str], settings: dict[str, Any], said: str, backbone: Path, tmp_path: Path
) -> None:
    """A default route is for texts of no side; sentence-transformers refuses these too."""
    before = [Transformer(str(backbone)), Pooling(32)]
    folder = write_routed(tmp_path, {name: [dense()] for name in names}, before=before, **settings)
    with pytest.raises(StudentError, match=said):
        adopt_encoder(folder, None)


def test_routes_of_two_widths_are_refused(backbone: Path, tmp_path: Path) -> None:
    before = [Transformer(str(backbone)), Pooling(32)]
    folder = write_routed(tmp_path, {"query": [dense(8)], "document": [dense(16)]}, before=before)
    with pytest.raises(StudentError, match="of width 8 and documents of width 16"):
        adopt_encoder(folder, None)


def test_a_foreign_module_in_a_route_is_refused_before_it_is_loaded(
    backbone: Path, tmp_path: Path
) -> None:
    before = [Transformer(str(backbone)), Pooling(32)]
    folder = write_routed(tmp_path, {"query": [dense()], "document": [dense()]}, before=before)
    path = next(folder.rglob("router_config.json"))
    path.write_text(path.read_text().replace("sentence_transformers.base.modules", "custom_st"))
    with pytest.raises(StudentError, match=r"custom_st\.dense\.Dense, which cannot be served"):
        adopt_encoder(folder, None)


def test_a_folder_without_routes_has_one_encoder_for_both(backbone: Path) -> None:
    adopted = adopt_encoder(backbone, None)
    assert isinstance(adopted, Adopted)
    assert adopted.query is adopted.pin


def test_a_broken_list_of_routes_is_refused(backbone: Path, tmp_path: Path) -> None:
    before = [Transformer(str(backbone)), Pooling(32)]
    folder = write_routed(tmp_path, {"query": [dense()], "document": [dense()]}, before=before)
    next(folder.rglob("router_config.json")).write_text('{"types": []}')
    with pytest.raises(StudentError, match="does not describe the routes of a router"):
        adopt_encoder(folder, None)
