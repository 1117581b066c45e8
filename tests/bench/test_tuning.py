"""Serving settings: what they change, what they may not, and the search for the best of them."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import tomlkit
from pydantic import ValidationError

from pintower.bench import tuning
from pintower.bench.load import Load, Request
from pintower.bench.tuning import Goal, Measured, Point, Subject, Tuning, describe, tune
from pintower.bench.tuning_figure import tuning_plot
from pintower.cli.tune import _document, _write_recipe
from pintower.contracts import Contract
from pintower.errors import InputError
from pintower.recipes import load_recipe
from pintower.repository.pbtxt import read_config
from pintower.repository.variant import write_variant
from pintower.serving.environment import ensure_environment
from pintower.targets import Serving, load_target

OTHER = Serving.model_validate(
    {
        "instances": {"scorer": 2},
        "threads": {"query_encoder": 2},
        "merge_queries": True,
        "queue_delay_us": 100,
    }
)


def test_settings_change_what_they_name_and_nothing_else() -> None:
    target = load_target("cpu-int8-static")
    changed = target.served_as(OTHER)
    assert changed.instances == {**target.instances, "scorer": 2}
    assert changed.threads["query_encoder"].intra_op == 2
    assert changed.threads["scorer"] == target.threads["scorer"]
    assert (changed.merge_queries, changed.queue_delay_us) == (True, 100)
    assert target.served_as(Serving()) == target


@pytest.mark.parametrize(
    ("target", "values", "said"),
    [
        ("cpu-int8", {"merge_queries": True}, "max_batch_size 1 lets nothing be merged"),
        ("cpu-int8-static", {"queue_delay_us": 5}, "queue_delay_us is 5, and merge_queries is"),
    ],
)
def test_settings_that_contradict_the_target_are_refused(
    target: str, values: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        load_target(target).served_as(Serving.model_validate(values))


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ValidationError, match=r"instances is given for encoder; allowed: tok"):
        Serving.model_validate({"instances": {"encoder": 2}})


def test_a_variant_has_the_releases_files_and_its_own_configurations(
    built: Path, tmp_path: Path
) -> None:
    write_variant(built, OTHER, tmp_path)
    for name in ("tokenizer", "query_encoder", "pin_features", "scorer", "relevance"):
        own, released = (read_config(root / name / "config.pbtxt") for root in (tmp_path, built))
        assert own.model_warmup == released.model_warmup
        files = {path.relative_to(built / name) for path in (built / name).rglob("*")}
        assert files == {path.relative_to(tmp_path / name) for path in walk(tmp_path / name)}
        changed = own != released
        assert changed == (name in ("query_encoder", "scorer"))
    encoder = read_config(tmp_path / "query_encoder" / "config.pbtxt")
    assert encoder.dynamic_batching.max_queue_delay_microseconds == 100
    assert encoder.parameters["intra_op_thread_count"].string_value == "2"


def walk(folder: Path) -> Iterator[Path]:
    """Every path below a folder, links followed."""
    for path in folder.iterdir():
        yield path
        if path.is_dir():
            yield from walk(path)


def test_the_best_rate_is_the_best_within_the_limit() -> None:
    points = [Point(1, 100.0, 1.0, 2.0), Point(4, 300.0, 3.0, 5.0), Point(8, 400.0, 9.0, 11.0)]
    assert Measured.of(OTHER, points, 5.0).throughput == 300.0
    assert Measured.of(OTHER, points, 1.0).throughput == 0.0


@pytest.mark.parametrize(("rounds", "ahead"), [((9.0, 8.0, 9.0), True), ((9.0, 4.0, 9.0), False)])
def test_the_best_is_taken_only_if_it_is_ahead_in_every_round(
    rounds: tuple[float, ...], ahead: bool
) -> None:
    own = Measured(Serving(), (), 5.0, (5.0, 5.0, 5.0))
    best = Measured(OTHER, (), 9.0, rounds)
    assert (Tuning((own, best), own, best).chosen is best) == ahead


def test_tuned_settings_are_written_into_the_recipe_and_its_comments_stay(tmp_path: Path) -> None:
    text = '# mine\nname = "mine"\n\n[repository]\npairs = 40  # few\n'
    _write_recipe(tomlkit.parse(text), OTHER, tmp_path / "recipe.toml")
    written = (tmp_path / "recipe.toml").read_text()
    assert "# mine" in written and "pairs = 40  # few" in written
    recipe = load_recipe(tmp_path / "recipe.toml")
    assert recipe.repository.serving == OTHER and recipe.repository.pairs == 40
    assert tomllib.loads(written)["repository"]["serving"]["instances"] == {"scorer": 2}


def test_a_recipe_of_another_target_is_refused() -> None:
    with pytest.raises(InputError, match=r"builds for target cpu-int8-static, the release was"):
        _document("demo", "cpu-fp32")


def test_settings_are_told_in_words() -> None:
    assert describe(OTHER) == (
        "2 instances of scorer, 2 threads for query_encoder, "
        "queries that wait for 100 us are merged"
    )
    assert describe(Serving()) == "one of each, nothing merged"


@pytest.fixture
def subject(built: Path, tmp_path: Path) -> Subject:
    @contextmanager
    def variant(serving: Serving) -> Iterator[Path]:
        folder = tmp_path / f"variant-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        write_variant(built, serving, folder)
        yield folder

    def load(scenario: str, count: int) -> Load:
        queries = [f"red {scenario} {number}" for number in range(count)]
        return Load(scenario, tuple(Request(query, ("pin-001", "pin-002")) for query in queries), 0)

    return Subject(
        target=Contract.load(built / "contract.json").target,
        environment=ensure_environment(),
        variant=variant,
        load=load("unique", 20),
        warmup=load("warm", 5),
        identity="tiny",
    )


@pytest.mark.triton
def test_the_search_measures_the_releases_own_settings_and_goes_on_where_it_was(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "out"
    place.mkdir()
    goal = Goal(p99_ms=5_000.0, concurrency=(1,), trials=2, rounds=1)
    found = tune(subject, goal, place)
    own = found.own.serving
    assert own.instances == subject.target.instances
    assert found.trials[0].serving == own and len(found.trials) == 2
    assert all(item.throughput > 0 for item in found.trials)
    assert found.own.throughput > 0 and len(found.own.rounds) == 1
    assert tuning_plot(found, 5_000.0).startswith("<svg")

    measured: list[int] = []

    def count(subject: Subject, repository: Path, concurrency: int) -> Point:
        measured.append(concurrency)
        return Point(concurrency, 1.0, 1.0, 1.0)

    monkeypatch.setattr(tuning, "_measure", count)
    again = tune(subject, goal, place)
    assert again.trials == found.trials
    assert len(measured) <= 2  # the comparison alone
    other = tune(replace(subject, identity="another release"), goal, place)
    assert other.trials != found.trials
