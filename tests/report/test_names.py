import pytest

from pintower.report.names import in_sentence, measure_name, model_name, scenario_name, step_name


@pytest.mark.parametrize(
    ("shown", "expected"),
    [(model_name("bm25"), "BM25"), (model_name("large_teacher"), "Large teacher"),
     (measure_name("ndcg@20"), "nDCG@20"), (measure_name("auroc_3"), "AUROC 3+"),
     (measure_name("auroc_5"), "AUROC 5"), (measure_name("mrr"), "Mrr"),
     (measure_name("kendall_tau"), "Kendall's tau-b"),
     (in_sentence(model_name("mixture")), "the mixture of cosine and BM25"),
     (scenario_name("unique"), "Every query once"), (scenario_name("open_loop"), "Open loop"),
     (step_name("pin_features"), "Pin features"),
     (in_sentence("BM25"), "BM25"), (in_sentence("Untuned cosine"), "the untuned cosine")],
)  # fmt: skip
def test_things_have_names_and_unknown_ones_their_own_words(shown: str, expected: str) -> None:
    assert shown == expected
