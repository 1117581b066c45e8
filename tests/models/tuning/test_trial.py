from typing import Any, cast

import numpy as np

from pintower.models.tuning.learner import Examples
from pintower.models.tuning.trial import Plan, _epoch


def examples(queries: int, human: int, soft: int) -> Examples:
    """Each query with so many human levels, then each with so many soft labels."""
    query = np.concatenate([np.repeat(np.arange(queries), count) for count in (human, soft)])
    given = np.arange(len(query)) < queries * human

    class Pairs:
        pairs = type("Numbered", (), {"query": query})

    return Examples(cast(Any, Pairs), cast(Any, None), given, np.full(len(query), -1))


def plan(pairs: int) -> Plan:
    return Plan("all", True, 0.2, 1.0, 1e-4, 1e-3, pairs, 1, 8, {"cross_entropy": 1.0})


def test_an_epoch_has_every_soft_label_once_and_human_levels_up_to_their_share() -> None:
    given = examples(queries=10, human=1, soft=8)
    batches = _epoch(given, np.arange(len(given)), plan(1_000), np.random.default_rng(0))
    rows = np.concatenate(batches)
    assert sorted(rows[~given.human[rows]].tolist()) == list(range(10, 90))
    assert given.human[rows].sum() == 20  # a fifth of a hundred: each of ten twice


def test_an_epoch_of_too_many_pairs_leaves_whole_queries_out() -> None:
    given = examples(queries=50, human=4, soft=0)
    random = np.random.default_rng(0)
    rows = [np.concatenate(_epoch(given, np.arange(200), plan(40), random)) for _ in range(2)]
    for drawn in rows:
        assert len(drawn) == 40
        assert set(np.bincount(given.query[drawn])) == {0, 4}
    assert set(given.query[rows[0]]) != set(given.query[rows[1]])
