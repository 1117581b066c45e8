from pathlib import Path

import polars as pl
import pytest

from pintower.bench.load import log_load, unique_load, warmup_load
from pintower.data.candidates import CandidateIndex
from pintower.errors import DatasetError

LOG = ["red shoes", "Red  Shoes", "lemon cake", "red shoes", "blue sofa", "late query"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    pl.DataFrame({"query": LOG}).write_parquet(tmp_path / "query_log.parquet")
    return tmp_path


@pytest.fixture
def pins(tmp_path: Path, tiny_pins: pl.DataFrame) -> Path:
    CandidateIndex.build(tiny_pins).save(tmp_path / "candidates")
    return tmp_path


def test_the_log_is_sent_in_arrival_order_with_its_own_repeats(data: Path, pins: Path) -> None:
    load = log_load(data, pins, 5, 10)
    assert [request.query for request in load.requests] == LOG[:5]
    assert load.repeat_share == pytest.approx(1 / 5)  # two spellings are two requests


def test_the_unique_load_sends_no_query_twice_even_in_another_spelling(
    data: Path, pins: Path
) -> None:
    load = unique_load(data, pins, 100, 10)
    queries = [request.query for request in load.requests]
    assert queries == ["red shoes", "lemon cake", "blue sofa", "late query"]
    assert load.repeat_share == 0


def test_warm_up_shares_no_query_with_what_is_measured(data: Path, pins: Path) -> None:
    load = log_load(data, pins, 5, 10)
    assert [r.query for r in warmup_load(data, pins, load, 9, 10).requests] == ["late query"]
    everything = log_load(data, pins, 6, 10)
    spare = {r.query for r in warmup_load(data, pins, everything, 3, 10).requests}
    assert len(spare) == 3
    assert not spare & set(LOG)


def test_every_request_carries_the_wanted_number_of_distinct_candidates(
    data: Path, pins: Path
) -> None:
    for request in log_load(data, pins, 6, 25).requests:
        assert len(set(request.pin_ids)) == 25
    best = log_load(data, pins, 1, 5).requests[0].pin_ids
    assert set(best) <= {f"pin-{number:03d}" for number in range(0, 40, 5)}  # the red shoes


def test_an_empty_log_is_refused(tmp_path: Path, pins: Path) -> None:
    schema = {"query": pl.String}
    pl.DataFrame({"query": []}, schema=schema).write_parquet(tmp_path / "query_log.parquet")
    with pytest.raises(DatasetError, match="query_log"):
        log_load(tmp_path, pins, 5, 5)
