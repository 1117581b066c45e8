"""What training loops share."""

import pytest
import torch
from transformers import BertConfig, BertModel

from pintower.models import optimization
from pintower.models.optimization import autocast, multiplies_bf16, quick_gradients


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


def test_attention_is_computed_by_single_products_while_a_cpu_trains() -> None:
    """The gradients are the same, and afterwards the model is as it was."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
    model = BertModel(BertConfig(vocab_size=50, num_hidden_layers=2, **sizes)).eval()
    before = model.config._attn_implementation
    ids, mask = torch.randint(50, (3, 7)), torch.ones(3, 7, dtype=torch.long)
    mask[0, 4:] = 0

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        (hidden * mask[..., None]).square().mean().backward()
        return [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]

    fused = gradients()
    with quick_gradients(torch.nn.ModuleList([model])):
        assert model.config._attn_implementation == "eager"
        single = gradients()
    assert model.config._attn_implementation == before != "eager"
    for one, other in zip(fused, single, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
