from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression

from pintower.models.adoption.evidence import Evidence
from pintower.models.adoption.heads import (
    fit_cosine,
    fit_full,
    fit_linear,
    fit_mlp,
    fit_ordinal,
    soft_targets,
)
from pintower.models.adoption.signals import Signals
from pintower.models.scoring_head import ScoringHead, expected_level
from tests.models.adoption.judged import WIDTH, make_evidence

Fit = Callable[[Evidence], ScoringHead]


QUERIES = {"cosine": 40, "linear": 40, "mlp": 40, "full": 1_500}
"""As many as a head of each kind needs to learn anything."""


def targets(evidence: Evidence) -> torch.Tensor:
    return soft_targets(evidence.levels, 0.02)


FITS: dict[str, Fit] = {
    "cosine": lambda given: fit_cosine(given.similarity, targets(given), given.width),
    "linear": lambda given: fit_linear(given, targets(given)),
    "mlp": lambda given: fit_mlp(given, targets(given), seed=1),
    "full": lambda given: fit_full(given, targets(given), seed=1, hidden=(64, 32)),
}


def scores_along(head: ScoringHead, cosines: torch.Tensor) -> torch.Tensor:
    """Return the relevance scores of pins at these cosines to a query."""
    query = torch.zeros(len(cosines), WIDTH)
    query[:, 0] = 1
    pins = torch.zeros(len(cosines), WIDTH)
    pins[:, 0], pins[:, 1] = cosines, (1 - cosines**2).sqrt()
    matches = torch.randn(len(cosines), len(head.match_features))
    return expected_level(torch.softmax(head(query, pins, matches), dim=1))


@pytest.mark.parametrize("levels", [(1, 2, 3, 4, 5), (1, 5), (2, 4), (1, 1, 1, 5)])
def test_calibrated_cosine_ranks_exactly_as_the_cosine(levels: tuple[int, ...]) -> None:
    """Whatever was judged, and however badly the encoder does on it."""
    evidence = make_evidence()
    random = np.random.default_rng(0)
    for given in (np.array(levels)[evidence.levels % len(levels)], random.choice(levels, 480)):
        head = FITS["cosine"](replace(evidence, levels=given))
        assert head.hidden == ()
        scores = scores_along(head, torch.linspace(-1, 1, 401))
        assert (scores.diff() > 0).all()
        assert scores.min() >= 1
        assert scores.max() <= 5


def test_calibrated_cosine_meets_the_share_of_each_level() -> None:
    evidence = make_evidence()
    mean = evidence.probabilities(FITS["cosine"](evidence)).mean(axis=0)
    wanted = targets(evidence).mean(dim=0).numpy()
    np.testing.assert_allclose(mean, wanted, atol=1e-3)


@pytest.mark.parametrize("name", ["linear", "mlp", "full"])
def test_richer_heads_learn_from_match_features(name: str) -> None:
    evidence = make_evidence(match_weight=2.0, queries=QUERIES[name])
    own = np.arange(len(evidence)), evidence.levels - 1
    losses = {
        kind: -np.log(evidence.probabilities(FITS[kind](evidence))[own]).mean()
        for kind in ("cosine", name)
    }
    assert losses[name] < losses["cosine"] - 0.1


@pytest.mark.parametrize("name", FITS)
def test_match_feature_that_never_varied_has_no_weight(name: str) -> None:
    """Its scale is unknown: the first pin that has another value would be thrown anywhere."""
    evidence = make_evidence(match_weight=1.0)
    head = FITS[name](evidence)
    before = evidence.probabilities(head)
    evidence.matches[:, 1] = 1_000.0
    np.testing.assert_array_equal(evidence.probabilities(head), before)


@pytest.mark.parametrize("name", FITS)
def test_fitting_twice_gives_the_same_head(name: str) -> None:
    evidence = make_evidence()
    first, second = (FITS[name](evidence).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", FITS)
def test_two_levels_are_enough(name: str) -> None:
    evidence = make_evidence(queries=QUERIES[name])
    yes_or_no = replace(evidence, levels=np.where(evidence.levels > 3, 5, 1))
    probabilities = yes_or_no.probabilities(FITS[name](yes_or_no))
    assert np.isfinite(probabilities).all()
    assert probabilities[:, [0, 4]].sum(axis=1).mean() > 0.9


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_small_models_see_embeddings_through_their_product_alone(name: str) -> None:
    head = FITS[name](make_evidence())
    weight = head.layers[0].weight
    assert not weight[:, : 2 * WIDTH].any()
    product = weight[:, 2 * WIDTH : 3 * WIDTH]
    assert torch.equal(product, product[:, :1].expand_as(product))


def test_ordinal_model_of_two_levels_ranks_as_a_logistic_regression() -> None:
    """Over any number of signals; only the penalty is another."""
    random = np.random.default_rng(0)
    values = random.standard_normal((400, 3))
    levels = np.where(values @ [1.0, -2.0, 0.5] + random.normal(0, 0.5, 400) > 0, 5, 1)
    signals = Signals(values)
    probabilities = signals.predict(values, fit_ordinal(signals, soft_targets(levels, 0.02)))
    theirs = LogisticRegression().fit(values, levels == 5).decision_function(values)
    assert spearmanr(probabilities @ np.arange(1, 6), theirs).statistic > 0.99


def test_linear_head_gives_the_probabilities_of_the_ordinal_model() -> None:
    evidence = make_evidence(match_weight=1.0)
    signals = Signals.of(evidence)
    values = np.column_stack([evidence.similarity, evidence.matches]).astype(np.float64)
    layer = fit_ordinal(signals, targets(evidence))
    np.testing.assert_allclose(
        signals.predict(values, layer), evidence.probabilities(FITS["linear"](evidence)), atol=1e-5
    )
