import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.errors import StudentError
from pintower.models.encoders import load_encoder
from pintower.models.student import load_student, space_id


def test_student_gives_unit_embeddings_whatever_the_batch(
    tiny_student: Path, tiny_pins: pl.DataFrame
) -> None:
    student = load_student(tiny_student)
    together = student.embed_pins(tiny_pins)
    alone = np.concatenate([student.embed_pins(tiny_pins[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together[:5], alone, atol=1e-5)


def test_feature_vectors_reach_the_pin_embedding_once_trained(
    tiny_student: Path, tiny_pins: pl.DataFrame
) -> None:
    import torch

    student = load_student(tiny_student)
    before = student.embed_pins(tiny_pins)
    torch.nn.init.ones_(student.pin_encoder[2].features.weight[:, 0])
    after = student.embed_pins(tiny_pins)
    assert np.abs(after - before)[1].max() > 1e-3


def test_query_encoder_is_a_folder_sentence_transformers_loads(tiny_student: Path) -> None:
    vector = load_encoder(tiny_student / "query_encoder").encode(["red shoes"])
    ours = load_student(tiny_student).embed_queries(["red shoes"])
    np.testing.assert_allclose(vector, ours, atol=1e-5)


def test_space_id_moves_with_weights_and_rendering_but_not_with_library_versions(
    tiny_student: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_student, tmp_path / "student")
    original = space_id(folder)
    config = folder / "query_encoder" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "transformers_version": "0"}))
    assert space_id(folder) == original
    modules = folder / "query_encoder" / "modules.json"
    moved = [
        {**module, "type": "elsewhere." + module["type"].rpartition(".")[2]}
        for module in json.loads(modules.read_text())
    ]
    modules.write_text(json.dumps(moved))
    assert space_id(folder) == original
    moved[1]["type"] = "elsewhere.Other"
    modules.write_text(json.dumps(moved))
    assert space_id(folder) != original
    text = folder / "text.json"
    text.write_text(json.dumps({**json.loads(text.read_text()), "pin_max_tokens": 23}))
    assert space_id(folder) != original


@pytest.mark.parametrize("file", ["text.json", "match_stats/stats.json"])
def test_student_of_other_text_rules_is_refused(
    tiny_student: Path, tmp_path: Path, file: str
) -> None:
    folder = shutil.copytree(tiny_student, tmp_path / "student")
    values = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**values, "version": 1}))
    with pytest.raises(StudentError, match=r"version 1, .*version 2.*from-encoder"):
        load_student(folder)


@pytest.mark.parametrize("part", ["query_encoder", "scoring_head", "text.json", "match_stats"])
def test_student_refuses_a_folder_with_a_part_missing(
    tiny_student: Path, tmp_path: Path, part: str
) -> None:
    folder = shutil.copytree(tiny_student, tmp_path / "student")
    path = folder / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(StudentError, match=part.removesuffix(".json")):
        load_student(folder)
