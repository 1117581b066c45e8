import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintower.contracts import Tensor
from pintower.serving.cache_model import Lru, entry_bytes, replay


def test_the_oldest_entry_makes_room() -> None:
    cache = Lru(30)
    assert [cache.ask(key, 10) for key in "abc"] == [False, False, False]
    assert cache.ask("a", 10)  # now b is the oldest
    assert not cache.ask("d", 10)
    assert cache.ask("a", 10) and cache.ask("c", 10)
    assert not cache.ask("b", 10)


def test_an_entry_larger_than_the_cache_drops_nothing() -> None:
    cache = Lru(30)
    cache.ask("a", 20)
    assert not cache.ask("large", 31)
    assert cache.ask("a", 20)
    assert not cache.ask("large", 31)


def test_models_share_the_bytes_and_not_the_keys() -> None:
    lookups = [(("tokenizer", 1), 40), (("query_encoder", 1), 60)] * 3
    assert replay(lookups, [99, 100, None]) == [0, 4, 4]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=200), st.integers(1, 12))
def test_equal_sizes_make_it_the_textbook_lru(keys: list[int], places: int) -> None:
    recent: list[int] = []
    expected = 0
    for key in keys:
        if key in recent:
            expected += 1
            recent.remove(key)
        recent = [*recent, key][-places:]
    assert replay([(key, 7) for key in keys], [7 * places + 3]) == [expected]


@pytest.mark.parametrize(("width", "size"), [(128, 592), (129, 608), (132, 608), (133, 624)])
def test_entries_are_packed_and_take_whole_blocks(width: int, size: int) -> None:
    # 4 + 8 + (4 + 9) + (4 + 4) + (4 + 16) + 8 = 61 bytes around the data, 16 of the block.
    output = Tensor(name="EMBEDDING", dtype="FP32", shape=("batch", width))
    assert entry_bytes([output], {"batch": 1}) == size
