"""The headline of the offline embedding: speed is held to speed at no greater loss."""

from typing import Any

from bench.embed_headline import headline

OURS = ("pintower int8", "pintower bf16")


def row(system: str, ratio: float, loss: float, error: float = 0.0002) -> dict[str, Any]:
    return {
        "system": system,
        "ratio": ratio,
        "ratios": [ratio * 0.9, ratio, ratio * 1.1],
        "ndcg_loss_rel": loss,
        "standard_error": error,
    }


REFERENCE = row("torch fp32", 1.0, 0.0, 0.0)
INT8 = row("pintower int8", 6.0, 0.0023)
BF16 = row("pintower bf16", 4.0, 0.0001)


def test_each_peer_is_held_to_the_fastest_of_ours_that_loses_no_more() -> None:
    rows = [REFERENCE, row("OpenVINO", 3.2, 0.0), row("OpenVINO int8", 5.0, 0.0029), INT8, BF16]
    found = headline(rows, OURS)
    assert found["speedup_vs_torch_fp32"] == 6.0
    assert found["ndcg_loss_rel"] == 0.0023
    assert found["fastest"] == "pintower int8"
    # 6 / 5 against the other int8 is less than 4 / 3.2 against what loses nothing.
    assert (found["best_peer"], found["best_peer_ratio"]) == ("OpenVINO int8", 1.2)
    assert found["against_best_peer"] == "pintower int8"
    rows[1] = row("OpenVINO", 3.8, 0.0)
    found = headline(rows, OURS)
    assert (found["best_peer"], found["best_peer_ratio"]) == ("OpenVINO", 1.053)
    assert found["against_best_peer"] == "pintower bf16"


def test_a_difference_within_the_standard_error_is_none() -> None:
    found = headline([REFERENCE, row("torch bf16", 3.9, -0.0001, 0.0001), INT8, BF16], OURS)
    assert found["against_best_peer"] == "pintower bf16"
    exact = row("torch bf16", 3.9, -0.0001, 0.0)
    one = {**BF16, "standard_error": 0.0}
    quick = row("pintower int8", 6.0, -0.0001, 0.0)
    assert headline([exact, one, quick], OURS)["against_best_peer"] == "pintower int8"


def test_where_all_of_ours_rank_worse_the_one_that_loses_least_stands_for_them() -> None:
    found = headline([REFERENCE, row("torch bf16", 2.8, -0.0004), INT8], OURS)
    assert (found["best_peer"], found["best_peer_ratio"]) == ("torch bf16", 2.143)
    assert found["against_best_peer_ndcg_loss_rel"] == 0.0023
