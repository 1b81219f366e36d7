"""Layers by name, with options, pruned from the last to the first."""

import pytest
from torch import nn

from mmgraph.errors import ConfigError, UnknownNameError
from mmgraph.layers import HeteroGAT, LateFusion, Layer
from mmgraph.models.layer_choice import check_options, make_layers
from mmgraph.registry import LAYERS


def make(schema, *choices, heads=2, dropout=0.1, outputs=("e",), every_state=False):
    return make_layers(
        choices, schema.metadata, 8, heads=heads, dropout=dropout, outputs=outputs, every_state=every_state
    )


def test_names_and_options_become_layers(schema):
    (fusion, attention), _ = make(schema, "late_fusion", ("hetero_gat", {"aggr": "mean", "heads": 4}))
    assert isinstance(fusion, LateFusion)
    assert isinstance(attention, HeteroGAT)
    assert attention.send["e"].attention.shape[1] == 4, "its own heads come before the model's"
    assert attention.receive["e"].pool.aggr == "mean"
    assert attention.dropout.p == 0.1


def test_a_list_of_name_and_options_is_what_yaml_gives(schema):
    (layer,), _ = make(schema, ["hetero_gat", {"norm": "none"}])
    assert isinstance(layer.norm["e"], nn.Identity)


def test_each_layer_makes_what_the_next_one_reads(schema):
    (first, second), read = make(schema, "hetero_gat", "hetero_gat")
    assert second.targets == {"e"}
    assert first.targets == second.reads == {"e", "e/text", "e/image", "f"}
    assert read == first.reads == set(schema.channels)
    (only,), read = make(schema, "late_fusion")
    assert only.reads == read == {"e", "e/text", "e/image"}


def test_what_is_read_after_every_layer_is_made_by_every_layer(schema):
    class Forgetful(Layer):
        def __init__(self, metadata, channels, *, targets=None):
            super().__init__(metadata, channels, targets=targets)

        @property
        def reads(self):
            return frozenset({"e/text"})

        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            return dict(x_dict)

    LAYERS.register("test_forgetful")(Forgetful)
    try:
        (first, _), read = make(schema, "test_forgetful", "test_forgetful")
        assert first.targets == read == {"e/text"}
        (first, _), read = make(schema, "test_forgetful", "test_forgetful", every_state=True)
        assert first.targets == read == {"e/text", "e"}
    finally:
        del LAYERS._things["test_forgetful"]


def test_a_layer_takes_what_it_declares_only(schema):
    class Plain(Layer):
        def __init__(self, metadata, channels):
            super().__init__(metadata, channels)

        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            return dict(x_dict)

    LAYERS.register("test_plain")(Plain)
    try:
        (layer,), read = make(schema, "test_plain")
        assert layer.targets == read == set(schema.channels)
    finally:
        del LAYERS._things["test_plain"]


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        ("hetro_gat", UnknownNameError, "there is no layer 'hetro_gat'. Did you mean 'hetero_gat'"),
        (
            ("hetero_gat", {"agr": "sum"}),
            ConfigError,
            r"model\.layers\[0\].*no option 'agr'. Did you mean 'aggr'",
        ),
        (("hetero_gat", {"targets": ["e"]}), ConfigError, "no option 'targets'"),
        (("late_fusion", {"heads": 2}), ConfigError, "no option 'heads'"),
        (("hetero_gat", {"heads": 3}), ConfigError, r"hetero_gat\.heads"),
        (("hetero_gat",), ConfigError, "wanted a layer's name, or a pair"),
        ((3, {}), ConfigError, "wanted a layer's name"),
        (("hetero_gat", "sum"), ConfigError, "wanted a layer's name"),
        (None, ConfigError, "got None"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(schema, choice, error, message):
    with pytest.raises(error, match=message):
        make(schema, choice)


@pytest.mark.parametrize("choices", [[], "hetero_gat"])
def test_a_list_of_at_least_one_layer_is_wanted(schema, choices):
    with pytest.raises(ConfigError, match="wanted a list of at least one layer"):
        make_layers(choices, schema.metadata, 8, heads=2, dropout=0.0, outputs=["e"], every_state=False)


def test_all_unknown_options_are_reported_together():
    def recipe(*, aggr, norm):
        return aggr, norm

    with pytest.raises(ConfigError, match="2 faults") as raised:
        check_options("the model 'x'", recipe, {"agr": 1, "norms": 2, "aggr": 3}, where="model.options")
    assert "Did you mean 'aggr'" in str(raised.value)
    assert "Did you mean 'norm'" in str(raised.value)
