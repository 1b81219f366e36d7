"""The temperature is where the cross-entropy is least, whatever the logits."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from mmgraph.tasks.class_head import ClassHead
from mmgraph.tasks.temperature import COLDEST, HOTTEST, fit_temperature


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_no_other_temperature_is_better(scale):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(400, 5, generator=generator)
    target = torch.multinomial((2 * logits).softmax(1), 1, generator=generator).flatten()
    temperature = fit_temperature(scale * logits, target)
    # The labels were drawn at the temperature 1/2 of the logits.
    assert temperature == pytest.approx(scale / 2, rel=0.15)
    at = [cross_entropy(scale * logits.double() / (temperature * step), target) for step in (0.98, 1, 1.02)]
    assert at[1] < min(at[0], at[2])


def test_ends_are_told():
    logits = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
    assert fit_temperature(logits, torch.tensor([0, 1])) == pytest.approx(COLDEST)
    assert fit_temperature(logits, torch.tensor([1, 0])) == pytest.approx(HOTTEST)


def test_a_head_divides_by_its_temperature_and_begins_at_one():
    head, x = ClassHead(4, 3), torch.randn(2, 4)
    plain = head(x)
    assert torch.equal(plain, torch.nn.functional.linear(x, head.weight, head.bias))
    head.temperature.fill_(2)
    assert torch.equal(head(x), plain / 2)
    assert "temperature" in head.state_dict()
    assert "temperature" not in dict(head.named_parameters())
