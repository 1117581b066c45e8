import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

from pintower.artifacts import hash_files
from pintower.config import StudentConfig
from pintower.data.tables import SCHEMAS
from pintower.errors import StudentError
from pintower.models.adoption import adopt
from pintower.models.student import load_student, space_id
from tests.models.adoption.tiny_encoders import write_encoder
from tests.training.conftest import THINGS, level_of, write_data

QUERIES = [f"{word}{thing}" for word in ("", "my ", "a ") for thing in THINGS]


def judge(pins: pl.DataFrame, queries: list[str], split: str = "train") -> pl.DataFrame:
    rows = [
        {
            "query": query,
            "pin_id": pin_id,
            "level": level_of(query.removeprefix("my ").removeprefix("a "), title),
            "language": "en",
            "country": None,
            "split": split,
        }
        for query in queries
        for pin_id, title in pins.select("pin_id", "title").iter_rows()
    ]
    return pl.DataFrame(rows, schema=SCHEMAS["judgments"])


@pytest.fixture(scope="session")
def unjudged(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("unjudged"), tiny_pins)


@pytest.fixture(scope="session")
def judged(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen queries judged yes or no, one more held out."""
    table = pl.concat([judge(tiny_pins, QUERIES), judge(tiny_pins, ["the sofa"], "test")])
    return write_data(tmp_path_factory.mktemp("judged"), tiny_pins, judgments=table)


def config(encoder: Path, **changes: Any) -> StudentConfig:
    return StudentConfig(method="encoder", query_encoder=str(encoder), hidden=(8,), **changes)


def test_both_towers_are_the_encoder(
    backbone: Path, unjudged: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    encoder = write_encoder(
        tmp_path / "encoder",
        backbone,
        Pooling(32, "cls"),
        Normalize(),
        prompts={"query": "a query: ", "document": "a pin: "},
    )
    folder = tmp_path / "student"
    folder.mkdir()
    adopt(config(encoder), unjudged, folder)
    student = load_student(folder)
    own = SentenceTransformer(str(encoder), device="cpu")
    queries = ["Red  shoes", "lemon cake"]
    wanted = own.encode_query(["red shoes", "lemon cake"])
    np.testing.assert_allclose(student.embed_queries(queries), wanted, atol=1e-6)
    texts = [f"lemon cake number {number}" for number in range(3)]
    pins = tiny_pins[:3].select("pin_id", title=pl.Series(texts))
    np.testing.assert_allclose(student.embed_pins(pins), own.encode_document(texts), atol=1e-6)
    assert student.rendering.query_prefix == "a query: "
    assert student.columns == []  # the pins' feature vectors are nothing the encoder knows


def test_a_tower_folder_read_by_sentence_transformers_puts_no_prompt_twice(
    backbone: Path, unjudged: Path, tmp_path: Path
) -> None:
    encoder = write_encoder(
        tmp_path / "encoder", backbone, Pooling(32), prompts={"query": "a query: "},
        default_prompt_name="query",
    )  # fmt: skip
    folder = tmp_path / "student"
    folder.mkdir()
    adopt(config(encoder), unjudged, folder)
    tower = SentenceTransformer(str(folder / "query_encoder"), device="cpu")
    np.testing.assert_allclose(
        tower.encode(["a query: red shoes"]),
        load_student(folder).embed_queries(["red shoes"]),
        atol=1e-6,
    )


def test_without_judgments_the_student_ranks_as_the_encoder(
    backbone: Path,
    unjudged: Path,
    tiny_pins: pl.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO"):
        training = adopt(config(backbone), unjudged, tmp_path)
    assert "No judgments: the levels are read off the pins' own texts" in caplog.messages
    assert training["head"] == "cosine"
    assert training["calibrated_on"] == "texts"
    assert training["difference"] < 1e-5
    student = load_student(tmp_path)
    pins = student.embed_pins(tiny_pins)
    query = np.repeat(student.embed_queries(["lemon cake"]), len(pins), axis=0)
    matches = np.random.default_rng(0).random((len(pins), 11)).astype(np.float32)
    scores = student.score(query, pins, matches) @ np.arange(1, 6)
    cosines = (query.astype(np.float64) * pins).sum(axis=1)
    assert np.corrcoef(np.argsort(np.argsort(scores)), np.argsort(np.argsort(cosines)))[0, 1] > 0.99


def test_judgments_choose_the_head_and_held_out_ones_are_not_seen(
    backbone: Path, judged: Path, tmp_path: Path
) -> None:
    training = adopt(config(backbone), judged, tmp_path)
    assert training["calibrated_on"] == "judgments"
    assert (training["queries"], training["pairs"], training["pins"]) == (15, 600, 40)
    measured = training["cross_validation"]
    assert list(measured["heads"]) == ["cosine", "linear", "mlp"]
    assert set(measured["baselines"]) == {"cosine", "bm25"}
    assert training["head"] in measured["heads"]
    assert json.loads((tmp_path / "training.json").read_text()) == training
    load_student(tmp_path)


def test_too_few_judged_queries_are_not_fitted_to(
    backbone: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", tiny_pins, judgments=judge(tiny_pins, QUERIES[:5]))
    folder = tmp_path / "student"
    folder.mkdir()
    assert adopt(config(backbone), data, folder)["calibrated_on"] == "texts"


def test_adopting_twice_gives_the_same_files(backbone: Path, judged: Path, tmp_path: Path) -> None:
    hashes = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        adopt(config(backbone), judged, folder)
        hashes.append(hash_files(folder, exclude=["training.json"]))
    assert hashes[0] == hashes[1]
    assert space_id(tmp_path / "first") == space_id(tmp_path / "second")


def test_an_encoder_that_needs_more_than_ids_and_mask_is_refused(
    backbone: Path, unjudged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token types, say, which sentence-transformers hands over and no served graph takes."""
    from sentence_transformers.base.modules import Transformer

    preprocess = Transformer.preprocess

    def with_types(self: Transformer, *arguments: Any, **named: Any) -> dict[str, Any]:
        features = preprocess(self, *arguments, **named)
        features["token_type_ids"] = features["attention_mask"]
        return features

    monkeypatch.setattr(Transformer, "preprocess", with_types)
    with pytest.raises(StudentError, match="from token ids and mask alone its embeddings are"):
        adopt(config(backbone), unjudged, tmp_path)
