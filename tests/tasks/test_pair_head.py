"""The common space begins with what has a closed form, and the states add to it."""

from __future__ import annotations

import warnings

import pytest
import torch

from mmgraph.tasks.canonical_maps import fit_canonical
from mmgraph.tasks.closed_form import ClosedForm
from mmgraph.tasks.fold_maps import deal
from mmgraph.tasks.objectives import Contrast
from mmgraph.tasks.objectives.contrast import ContrastName
from mmgraph.tasks.pair_head import PairHead
from mmgraph.tasks.ridge_maps import Kernel, RidgeLikeness, fit_map

R, C = 6, 8
TEMPERATURE = 0.25


@pytest.fixture
def given() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    shapes = {"query": (R, C), "answer": (R, C), "one": (R, 3), "other": (R, 2)}
    return {name: torch.randn(shape, generator=random) for name, shape in shapes.items()}


def closed_form(given: dict[str, torch.Tensor], kernel: Kernel, penalty: float) -> ClosedForm:
    one, other = given["one"], given["other"]
    maps = [fit_map(x, y, deal(R), kernel, penalty) for x, y in ((one, other), (other, one))]
    return ClosedForm(RidgeLikeness(*maps), fit_canonical(one, other, deal(R)), 1 / 3)


def make(given: dict[str, torch.Tensor], loss: ContrastName) -> PairHead:
    torch.manual_seed(0)
    return PairHead(C, Contrast(loss=loss, channels=4), closed_form(given, "linear", 1.0), TEMPERATURE)


@pytest.mark.parametrize(("loss", "bias"), [("info_nce", 0.0), ("sigmoid", -10.0)])
def test_it_begins_as_the_closed_form_and_then_adds_the_states(given, loss, bias):
    head = make(given, loss)
    nobody = torch.zeros(R, dtype=torch.int64)
    pairs = (given["one"], given["other"], nobody)
    one, other = head.ridge(*pairs)
    by_maps = one @ other.T / TEMPERATURE
    sides = head(given["query"], given["answer"], pairs).unbind(1)
    assert torch.allclose(sides[0] @ sides[1].T, by_maps + bias, atol=1e-5)

    alone = PairHead(C, Contrast(loss=loss, channels=4))
    alone.load_state_dict({name: x for name, x in head.state_dict().items() if name in alone.state_dict()})
    by_states = alone(given["query"], given["answer"]).unbind(1)
    head.learnt.data.fill_(0.5)
    sides = head(given["query"], given["answer"], pairs).unbind(1)
    wanted = by_maps + 0.5 * (by_states[0] @ by_states[1].T - bias) + bias
    assert torch.allclose(sides[0] @ sides[1].T, wanted, atol=1e-5)


def test_its_first_step_moves_the_weight_of_the_states(given):
    head = make(given, "info_nce")
    query, answer = head(given["query"], given["answer"], (given["one"], given["other"], deal(R))).unbind(1)
    Contrast().of(query, answer).backward()
    assert head.learnt.grad.abs() > 0
    assert head.log_ridge.grad.abs() > 0


def test_maps_are_saved_as_weights_are(given):
    names = set(make(given, "info_nce").state_dict())
    fitted = {"ridge.ridge.onwards.weight", "ridge.ridge.back.weight", "ridge.canonical.query.weight"}
    assert fitted | {"ridge.share", "learnt", "log_ridge"} <= names


@pytest.mark.parametrize("kernel", ["linear", "gaussian"])
def test_weights_bring_what_was_fitted(given, kernel):
    one, other = given["one"], given["other"]
    fitted = PairHead(C, Contrast(channels=4), closed_form(given, kernel, 0.5), TEMPERATURE)
    opened = PairHead(C, Contrast(channels=4), ClosedForm.unfitted())
    opened.load_state_dict(fitted.state_dict())
    pairs = (one, other, deal(R))
    assert torch.equal(
        opened(given["query"], given["answer"], pairs), fitted(given["query"], given["answer"], pairs)
    )
    assert opened.ridge.describe() == fitted.ridge.describe()
    assert opened.ridge.describe()["onwards"] == {"kernel": kernel, "penalty": 0.5}


def test_weights_from_elsewhere_come_to_where_the_module_is(given):
    fitted = make(given, "info_nce")
    opened = PairHead(C, Contrast(channels=4), ClosedForm.unfitted()).to("meta")
    # Of weights nothing is copied to where nothing is kept, but shapes and devices are there.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened.load_state_dict(fitted.state_dict())
    assert {value.device.type for value in opened.state_dict().values()} == {"meta"}
    shapes = [{name: value.shape for name, value in head.state_dict().items()} for head in (fitted, opened)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", ["weight", "lift.mean", "target.factor"])
def test_what_is_missing_among_the_weights_is_said(given, name):
    weights = make(given, "info_nce").state_dict()
    del weights[f"ridge.ridge.back.{name}"]
    opened = PairHead(C, Contrast(channels=4), ClosedForm.unfitted())
    with pytest.raises(RuntimeError, match=f"Missing key.*ridge.ridge.back.{name}"):
        opened.load_state_dict(weights)
