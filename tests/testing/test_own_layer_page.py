"""The layer of the page on a layer of your own keeps to the contract, and breaks it as the page says."""

import re
from pathlib import Path

import pytest

from mmgraph.plugins import load_plugin
from mmgraph.registry import LAYERS
from mmgraph.testing import LAYER_RULES, MODEL_RULES, ContractError, check_layer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how_to" / "own_layer.md").read_text(encoding="utf-8")


@pytest.fixture
def check_code(tmp_path, monkeypatch):
    """Return a function that checks a layer that code registers."""
    monkeypatch.setattr(LAYERS, "_things", dict(LAYERS._things))

    def check(code, name="mean_of_neighbours"):
        path = tmp_path / "my_layers.py"
        path.write_text(code, encoding="utf-8")
        load_plugin(path)
        check_layer(name)

    return check


def code_of_the_page(of="@mg.LAYERS.register("):
    return next(code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if of in code)


def code_with_features():
    return code_of_the_page() + code_of_the_page("edge_channels")


def test_the_layer_keeps_to_the_contract(check_code):
    check_code(code_of_the_page())


def test_the_layer_with_features_keeps_to_the_contract(check_code):
    check_code(code_with_features(), "mean_by_features")


def test_the_layer_with_features_is_told_from_the_one_without(check_code):
    broken = code_with_features().replace("linear(attr.to(", "linear(attr.flip(0).to(")
    with pytest.raises(ContractError) as caught:
        check_code(broken, "mean_by_features")
    assert caught.value.rules == ("edge order", "padding")
    assert caught.value.faults[0].where == "mean_by_features with edge features: edge order"


def test_the_broken_layer_gets_the_error_of_the_page(check_code):
    with pytest.raises(ContractError) as caught:
        check_code(code_of_the_page().replace("total.clamp(min=1e-9).unsqueeze(1)", "total.sum()"))
    block = next(b for b in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if "faults" in b)
    head, *shown = block.rstrip().split("\n")
    first, *faults = str(caught.value).split("\n")
    assert head.endswith(f": {first}")
    assert len(shown) == len(faults)
    for line, fault in zip(shown, faults, strict=True):
        assert fault.startswith(line.removesuffix("..."))


def test_the_table_names_every_rule():
    table = "".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([a-z ]+)`", table)) >= {rule.name for rule in LAYER_RULES}
    for rule in set(MODEL_RULES) - set(LAYER_RULES):
        assert f"`{rule.name}`" in PAGE
