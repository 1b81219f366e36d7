"""Decoders equal their formulas, and score all pairs as they score each."""

from __future__ import annotations

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.tasks import decoders
from mmgraph.tasks.decoders import make_decoder

NAMES = ["dot", "distmult", "complex", "mlp"]
S, T, C = 5, 7, 6


def _states() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(S, C, generator=generator), torch.randn(T, C, generator=generator)


def _made(name: str) -> decoders.Decoder:
    torch.manual_seed(1)
    decoder = make_decoder(name, C)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter)
    return decoder


@pytest.mark.parametrize("name", NAMES)
def test_all_pairs_are_scored_as_each_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, (source, target) = _made(name), _states()
    each = torch.stack([decoder(source[s].expand(T, C), target) for s in range(S)])
    assert torch.allclose(decoder.against_all(source, target), each, atol=1e-5)
    assert torch.allclose(decoder(source.unsqueeze(1), target), each, atol=1e-5)
    monkeypatch.setattr(decoders, "_MOST_AT_ONCE", 2 * 2 * T * C)
    assert torch.allclose(decoder.against_all(source, target), each, atol=1e-5)


def test_complex_is_the_formula_in_complex_numbers() -> None:
    decoder, (source, target) = _made("complex"), _states()
    s, t = (torch.complex(*states.chunk(2, dim=1)) for states in (source, target))
    r = torch.complex(decoder.real, decoder.imaginary)
    expected = ((s * r).unsqueeze(1) * t.conj()).sum(-1).real / C**0.5
    assert torch.allclose(decoder.against_all(source, target), expected, atol=1e-5)


def test_distmult_weighs_channels() -> None:
    decoder, (source, target) = _made("distmult"), _states()
    expected = torch.einsum("sc,c,tc->st", source, decoder.relation, target) / C**0.5
    assert torch.allclose(decoder.against_all(source, target), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "symmetric"), list(zip(NAMES, [True, True, False, False], strict=True)))
def test_those_that_know_a_direction(name: str, symmetric: bool) -> None:
    decoder, (source, _) = _made(name), _states()
    scores = decoder.against_all(source, source)
    assert torch.allclose(scores, scores.T, atol=1e-5) == symmetric


@pytest.mark.parametrize("name", ["distmult", "complex"])
def test_bilinear_ones_begin_as_the_dot_product(name: str) -> None:
    source, target = _states()
    dot = make_decoder("dot", C).against_all(source, target)
    assert torch.allclose(make_decoder(name, C).against_all(source, target), dot, atol=1e-6)


def test_complex_wants_an_even_width() -> None:
    with pytest.raises(ConfigError, match="got 5; wanted an even number"):
        make_decoder("complex", 5)
