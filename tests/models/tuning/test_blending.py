import torch

from pintower.models.tuning.blending import blend, trained_weights


def test_a_blend_lies_between_start_and_end() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    start = trained_weights(layer)
    assert set(start) == {"weight"}
    end = {"weight": start["weight"] + 4}
    blend(layer, start, end, 0.25)
    torch.testing.assert_close(layer.weight.detach(), start["weight"] + 1)
    blend(layer, start, end, 1.0)
    torch.testing.assert_close(layer.weight.detach(), end["weight"])
