"""What training loops share."""

import pytest
import torch

from pintower.models import optimization
from pintower.models.optimization import autocast, multiplies_bf16


@pytest.mark.parametrize(("asked", "able"), [(True, True), (True, False), (False, True)])
def test_bfloat16_is_used_where_it_is_asked_for_and_the_device_has_it(
    asked: bool, able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimization, "multiplies_bf16", lambda device: able)
    with autocast(torch.device("cpu"), asked):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if asked and able else torch.float32)


def test_a_cpu_without_bfloat16_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    multiplies_bf16.cache_clear()
    with caplog.at_level("INFO"):
        assert [multiplies_bf16("cpu"), multiplies_bf16("cpu")] == [False, False]
    multiplies_bf16.cache_clear()
    assert caplog.text.count("no bfloat16 arithmetic") == 1
