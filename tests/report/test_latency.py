from pintower.report.latency import cache_story, describe_latency, headline_row
from tests.report.conftest import bench_results, bench_row


def unique(**changed: object) -> dict[str, object]:
    return bench_row(scenario="unique", cache_hit_rate=0.0, repeat_share=0.0, **changed)


def test_the_page_quotes_the_log_with_the_fewest_in_flight() -> None:
    rows = [unique(p50_ms=1.0), bench_row(concurrency=4), bench_row(concurrency=2)]
    assert headline_row(rows)["concurrency"] == 2
    assert headline_row(rows[:1])["scenario"] == "unique"


def test_one_load_is_enough() -> None:
    latency = describe_latency(bench_results(bench_row()))
    assert latency.scale.high >= 6.5
    assert latency.step_scale.high >= 2.5
    assert [one.load for one in latency.measurements] == ["1 in flight"]


def test_an_open_loop_is_named_by_its_rate() -> None:
    row = bench_row(concurrency=0, request_rate=50.0)
    assert describe_latency(bench_results(row)).measurements[0].load == "50 a second"


def test_failures_of_every_load_are_added_up() -> None:
    assert describe_latency(bench_results(bench_row(failures=2), unique(failures=1))).failures == 3


def test_the_cache_is_credited_with_no_more_than_was_measured() -> None:
    story = cache_story([bench_row(), unique(p50_ms=4.8)])
    assert "49\u202f% of the requests found" in story[0]
    assert "42\u202f% repeat an earlier request" in story[1] and "same tokens" in story[1]
    assert "3.1\u00a0ms; with every query new, 4.8\u00a0ms. That is what" in story[2]
    assert "A miss costs the query encoder 0.90\u00a0ms" in story[2]


def test_no_gain_is_claimed_where_both_medians_are_alike() -> None:
    assert "no gain" in cache_story([bench_row(), unique(p50_ms=3.15)])[2]
    assert "no gain" in cache_story([bench_row(), unique(p50_ms=2.0)])[2]


def test_fewer_hits_than_repeats_are_explained() -> None:
    assert "evicted" in cache_story([bench_row(cache_hit_rate=0.3)])[1]


def test_without_a_twin_nothing_is_compared() -> None:
    assert len(cache_story([bench_row(concurrency=4), unique()])) == 2


def test_a_log_without_repeats_is_not_said_to_hit_the_cache() -> None:
    (only,) = cache_story([bench_row(repeat_share=0.0, cache_hit_rate=0.0)])
    assert "No request repeats" in only


PLAN = {
    "requests": 40_000, "distinct": 7_981, "bytes_a_query": 592.0, "limit": 0.852, "wanted": 0.85,
    "sizes": [1 << 20, 4 << 20], "hit_rates": [0.74, 0.851], "enough": 4 << 20,
    "wanted_size": 4 << 20,
}  # fmt: skip


def test_the_size_that_the_whole_log_needs_is_told_with_its_plot() -> None:
    latency = describe_latency({**bench_results(bench_row()), "cache": PLAN}, "<svg></svg>")
    told = latency.cache[-1]
    assert "40,000 requests, 7,981 distinct" in told
    assert "would hit 85.2\u202f%; 4\u00a0MiB reach 85.1\u202f%" in told
    assert latency.cache_figure == "<svg></svg>"


def test_a_log_in_which_nothing_repeats_needs_no_cache() -> None:
    for cache in (None, {**PLAN, "limit": 0.0}):
        latency = describe_latency({**bench_results(bench_row()), "cache": cache}, "<svg></svg>")
        assert "MiB" not in " ".join(latency.cache)
        assert latency.cache_figure == ""
