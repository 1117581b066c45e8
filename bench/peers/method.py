"""How the figures come about, in the words that the result carries."""

__all__ = ["METHOD"]

METHOD = (
    "Batch 1, one thread, one process a competitor; all are pinned to the same core, and only "
    "one works at a time. Times are perf_counter's inside the process, around one call. Each "
    "round goes through the cells, and in each cell through all competitors, with the same "
    "queries; a visit starts with 10 calls that are not counted, and a first round is not "
    "counted. p50_ms is the median over rounds of round medians, p99_ms is taken over all "
    "calls, a ratio is the median over rounds of the ratio of round medians. Encoder alone: "
    "token ids in, from real queries of exactly that many tokens, special ones included; a peer "
    "ends with token vectors, an exported graph with the query's vector. text_to_vector: "
    "distinct real queries of any length, each library called as its user calls it, tokenizer "
    "included. torch.compile is inductor, one specialization a length for the encoder alone, a "
    "dynamic length for texts. OpenVINO int8 is static and calibrated on training queries, the "
    "other int8 is dynamic. cosine is to torch fp32, over held-out queries; an encoder with "
    "fewer layers has weights of its own and is compared in speed only."
)
