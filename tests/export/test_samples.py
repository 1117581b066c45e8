from pintower.export.samples import EDGE_TEXTS


def test_edge_texts_are_distinct_and_hold_the_empty_one() -> None:
    assert "" in EDGE_TEXTS
    assert len(set(EDGE_TEXTS)) == len(EDGE_TEXTS)
