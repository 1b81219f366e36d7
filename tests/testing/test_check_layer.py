"""For each rule a layer that breaks it, a layer that breaks none, and what the error says."""

import random

import pytest
import torch
from torch import nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.errors import ConfigError, UnknownNameError, UserError
from mmgraph.layers import HeteroGAT
from mmgraph.ops import EdgePlan
from mmgraph.registry import LAYERS
from mmgraph.testing import LAYER_RULES, ContractError, check_layer
from mmgraph.testing.edge_feature_rules import EDGE_FEATURE_RULES
from mmgraph.testing.example_graph import NEAR
from tests.testing.conftest import registering


def broken(layer, **arguments):
    with pytest.raises(ContractError) as caught:
        check_layer(layer, **arguments)
    return caught.value


CASES = {}
breaks = registering(CASES)


def after(change):
    """Return a function that makes a layer whose new states are changed in the end."""

    def make(base):
        class Broken(base):
            def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
                out = super().forward(x_dict, edge_index_dict, edge_weight_dict)
                new = change(
                    self, {n: x for n, x in out.items() if n in self.targets}, x_dict, edge_index_dict
                )
                return {**out, **new}

        return Broken

    make.__name__ = change.__name__
    return make


def scaled(out, factor):
    return {name: x * factor for name, x in out.items()}


@breaks("one step")
def looks_two_hops_back(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            once = super().forward(x_dict, edge_index_dict, edge_weight_dict)
            twice = super().forward(once, edge_index_dict, edge_weight_dict)
            return {name: twice[name] if name in self.targets else x for name, x in x_dict.items()}

    return Broken


@breaks("hops")
def forgets_a_relation_in_its_hops(base):
    class Broken(base):
        @property
        def hops(self):
            return (frozenset(self.edge_types) - {NEAR},)

    return Broken


@breaks("hops")
def weighs_by_the_degrees_of_its_sources(base):
    class Broken(base):
        def message(self, edge_type, x, x_target, index, weight):
            degree = torch.bincount(index[0], minlength=x.shape[0]).to(x.dtype)
            return super().message(edge_type, x, x_target, index, weight / degree[index[0]])

    return Broken


@breaks("reads relations")
def denies_its_relations(base):
    class Broken(base):
        reads_relations = False

    return Broken


@breaks("reads relations")
def claims_relations_that_it_does_not_read(base):
    class Broken(base):
        def __init__(self, metadata, channels, *, dropout=0.0, targets=None):
            super().__init__(metadata, channels, dropout=dropout, targets=targets)
            self.into = [edge_type for edge_type in self.into if edge_type[1] in ("of", "rev_of")]
            kept = {edge_type: self.send[edge_type] for edge_type in self.into}
            self.send = ModuleDict(kept)

    return Broken


@breaks("narrows")
def returns_more_than_was_asked_for(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, num_targets=None):
            return super().forward(x_dict, edge_index_dict, edge_weight_dict)

    return Broken


@breaks("base class")
def plain_module(base):
    class Broken(nn.Module):
        def __init__(self, metadata, channels):
            super().__init__()
            self.inner = base(metadata, channels)

        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            return self.inner(x_dict, edge_index_dict, edge_weight_dict)

    return Broken


@breaks("node order")
@after
def counts_rows(self, out, x_dict, edges):
    return {n: x + 0.01 * torch.arange(x.shape[0]).to(x.dtype).unsqueeze(1) for n, x in out.items()}


@breaks("edge order")
@after
def likes_the_first_edge(self, out, x_dict, edges):
    near = edges.get(("e", "near", "e"))
    if near is None or "e" not in out:
        return out
    return {**out, "e": out["e"].index_add(0, near[1][:1], torch.ones_like(out["e"][:1])[: near.shape[1]])}


@breaks("type order")
@after
def likes_the_first_type(self, out, x_dict, edges):
    return scaled(out, 1.1) if next(iter(x_dict), "") == "f/table" else out


@breaks("empty relations")
@after
def minds_empty_relations(self, out, x_dict, edges):
    like = edges.get(("e/text", "like", "e/text"))
    return scaled(out, 1.1) if like is not None and like.shape[1] == 0 else out


@breaks("absent node types")
@after
def needs_sounds(self, out, x_dict, edges):
    return (
        scaled(out, torch.nan) if "f" in x_dict and "e/image" in x_dict and "e/sound" not in x_dict else out
    )


@breaks("empty node types")
@after
def needs_a_sound(self, out, x_dict, edges):
    if "e/sound" in x_dict:
        x_dict["e/sound"].amax()
    return out


@breaks("missing modalities")
@after
def needs_three_texts(self, out, x_dict, edges):
    of = edges.get(("e/text", "of", "e"))
    return scaled(out, torch.nan) if of is not None and 0 < of.shape[1] < 3 else out


@breaks("isolated nodes", "direction")
def looks_at_everybody(base):
    @after
    def add_mean(self, out, x_dict, edges):
        return {name: x + 0.1 * x_dict[name].mean(0) for name, x in out.items()}

    made = add_mean(base)
    made.not_local = "it adds the mean over all nodes"
    return made


@breaks("inputs")
def empties_x_dict(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            out = super().forward(x_dict, edge_index_dict, edge_weight_dict)
            if self.training:
                x_dict.pop("f", None)
            return out

    return Broken


@breaks("padding")
@after
def counts_nodes(self, out, x_dict, edges):
    return {name: x * (1 + 0.01 * x.shape[0]) for name, x in out.items()}


@breaks("padding")
def claims_to_look_at_everybody(base):
    return type("Broken", (base,), {"not_local": "it could"})


@breaks("padding")
def normalises_over_the_batch(base):
    class Broken(base):
        def __init__(self, metadata, channels, *, dropout=0.0, targets=None):
            super().__init__(metadata, channels, dropout=dropout, targets=targets)
            self.norm = ModuleDict({name: nn.BatchNorm1d(channels, affine=False) for name in self.targets})

        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            out = super().forward(x_dict, edge_index_dict, edge_weight_dict)
            # torch's norm takes no single node in training.
            return {n: self.norm[n](x) if n in self.targets and len(x) > 1 else x for n, x in out.items()}

    return Broken


@breaks("direction")
def reads_one_relation_backwards(base):
    class Broken(base):
        def message(self, edge_type, x, x_target, index, weight):
            return super().message(
                edge_type, x, x_target, index.flip(0) if edge_type == NEAR else index, weight
            )

    return Broken


@breaks("direction")
@after
def hears_from_where_it_leads(self, out, x_dict, edges):
    has = edges.get(("f", "has", "e"))
    if has is None or "f" not in out or "e" not in x_dict:
        return out
    return {**out, "f": out["f"].index_add(0, has[0], x_dict["e"][has[1]])}


@breaks("one step")
def updates_one_type_after_another(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            state = dict(x_dict)
            for name in self.node_types:
                if name in self.targets and name in x_dict:
                    state[name] = super().forward(state, edge_index_dict, edge_weight_dict)[name]
            return state

    return Broken


@breaks("weights")
def ignores_weights(base):
    class Broken(base):
        def message(self, edge_type, x, x_target, index, weight):
            return super().message(edge_type, x, x_target, index, torch.ones_like(weight))

    return Broken


@breaks("weights")
def minds_weights_of_one(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            out = super().forward(x_dict, edge_index_dict, edge_weight_dict)
            return scaled(out, 1.1) if edge_weight_dict and len(edge_weight_dict) > 1 else out

    return Broken


@breaks("weights")
def claims_to_ignore_weights(base):
    return type("Broken", (base,), {"not_weighted": "it should"})


@breaks("parameters")
def has_an_idle_parameter(base):
    class Broken(base):
        def __init__(self, metadata, channels, *, dropout=0.0, targets=None):
            super().__init__(metadata, channels, dropout=dropout, targets=targets)
            self.idle = nn.Parameter(torch.zeros(3))

    return Broken


@breaks("gradients")
@after
def detaches(self, out, x_dict, edges):
    return {name: x + 0.1 * x.detach() for name, x in out.items()}


@breaks("training")
@after
def draws_elsewhere(self, out, x_dict, edges):
    return scaled(out, 1 + random.random()) if self.training and self.dropout.p > 0 else out


@breaks("state dict")
def remembers_elsewhere(base):
    class Broken(base):
        def __init__(self, metadata, channels, *, dropout=0.0, targets=None):
            super().__init__(metadata, channels, dropout=dropout, targets=targets)
            self.scale = 1 + torch.rand(1).item()

        def message(self, *arguments):
            return self.scale * super().message(*arguments)

    return Broken


@breaks("deepcopy")
def is_its_own_copy(base):
    return type("Broken", (base,), {"__deepcopy__": lambda self, memo: self})


@breaks("dropout")
def ignores_dropout(base):
    class Broken(base):
        def __init__(self, metadata, channels, *, dropout=0.0, targets=None):
            super().__init__(metadata, channels, targets=targets)

    return Broken


@breaks("targets")
def ignores_targets(base):
    class Broken(base):
        def __init__(self, metadata, channels, *, dropout=0.0, targets=None):
            super().__init__(metadata, channels, dropout=dropout)

    return Broken


@breaks("pyg")
def needs_weights(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            return super().forward(x_dict, edge_index_dict, dict(edge_weight_dict))

    return Broken


@breaks("compile")
@after
def knows_the_compiler(self, out, x_dict, edges):
    compiled = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    return scaled(out, 1.1) if compiled else out


@breaks("export")
@after
def reads_values(self, out, x_dict, edges):
    return scaled(out, 1.1) if any(float(x.sum()) > 1e9 for x in out.values()) else out


@breaks("export")
def claims_not_to_export(base):
    return type("Broken", (base,), {"not_exportable": "it has never been tried"})


# What breaks one of these breaks others as well.


@breaks("states", "*")
@after
def narrows(self, out, x_dict, edges):
    return {name: x[:, :7] for name, x in out.items()}


@breaks("evaluation", "state dict", "deepcopy")
@after
def always_noisy(self, out, x_dict, edges):
    return out if self.training else {name: x + 1e-12 * torch.rand_like(x) for name, x in out.items()}


@breaks("precision", "gradients")
def rounds(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            rounded = {name: x.float().to(x.dtype) for name, x in x_dict.items()}
            out = super().forward(rounded, edge_index_dict, edge_weight_dict)
            return {name: x if name in self.targets else x_dict[name] for name, x in out.items()}

    return Broken


def test_a_correct_layer_breaks_no_rule(mean_layer):
    check_layer(mean_layer)
    check_layer(lambda metadata, channels: mean_layer(metadata, channels))


@pytest.mark.parametrize("case", CASES)
def test_a_broken_layer_breaks_its_rule_and_no_other(case, mean_layer):
    make, rules = CASES[case]
    error = broken(make(mean_layer))
    if "*" in rules:
        assert rules[0] in error.rules
    else:
        assert set(error.rules) == set(rules), str(error)


def test_every_rule_is_seen_to_be_broken():
    # Those on features of edges are broken in test_edge_features.py.
    others = set(LAYER_RULES) - set(EDGE_FEATURE_RULES)
    assert {rules[0] for _, rules in CASES.values()} == {rule.name for rule in others}


def test_a_declared_exemption_is_believed(mean_layer):
    made = ignores_weights(mean_layer)
    made.not_weighted = "neighbours count alike"
    check_layer(made)
    made = normalises_over_the_batch(mean_layer)
    made.not_local = "it normalises over the batch"
    check_layer(made)


def test_the_message_says_what_came_what_is_wanted_and_what_to_do(mean_layer):
    error = broken(has_an_idle_parameter(mean_layer))
    assert str(error) == (
        "Broken: parameters: got no gradient for idle; wanted a gradient for every parameter that is not "
        "declared frozen, and for no other. Make parameters only for what is read; set requires_grad to "
        "False, or name it in frozen."
    )
    assert isinstance(error, AssertionError)
    assert isinstance(error, UserError)


def test_all_broken_rules_are_listed(mean_layer):
    error = broken(ignores_targets(detaches(mean_layer)))
    assert error.rules == ("gradients", "targets")
    assert str(error).startswith("2 faults:\n  - Broken: gradients: got the gradient ")


def test_what_is_declared_frozen_must_be(mean_layer):
    idle = has_an_idle_parameter(mean_layer)
    check_layer(idle, frozen=["idle"])
    assert "a gradient for own.e.bias" in str(broken(idle, frozen=["idle", "own.e.bias"]))
    assert "no parameter idol" in str(broken(idle, frozen=["idle", "idol"]))


def test_changed_inputs_do_not_spoil_other_rules(mean_layer):
    class Broken(mean_layer):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
            out = super().forward(x_dict, edge_index_dict, edge_weight_dict)
            if not torch.is_grad_enabled() or not any(x.requires_grad for x in x_dict.values()):
                x_dict.get("e", torch.zeros(1)).zero_()
            return out

    assert "other values in x_dict['e']" in str(broken(Broken))


def test_a_layer_that_cannot_be_made_is_said_to_be(mean_layer):
    error = broken(mean_layer, options={"haeds": 2})
    assert error.rules == ("making",)
    assert "haeds" in str(error)


def test_a_rule_can_be_left_out(mean_layer):
    broken_layer = detaches(mean_layer)
    check_layer(broken_layer, skip=["gradients", "compile"])
    with pytest.raises(ConfigError, match=r"there is no rule 'gradient'\. Did you mean 'gradients'"):
        check_layer(broken_layer, skip=["gradient"])


def test_a_registered_name_will_do(mean_layer, monkeypatch):
    monkeypatch.setitem(LAYERS._things, "mean_of_neighbours", mean_layer)
    check_layer("mean_of_neighbours", options={"dropout": 0.1})
    with pytest.raises(UnknownNameError, match="Did you mean 'mean_of_neighbours'"):
        check_layer("mean_of_neighbour")


def test_a_real_layer_with_a_mistake_is_caught(monkeypatch):
    # Weights that stay where they are when the edges are sorted.
    monkeypatch.setattr(EdgePlan, "arrange", lambda self, values: values)
    assert "edge order" in broken(HeteroGAT).rules


def test_random_numbers_and_streams_of_the_caller_stay(mean_layer, capsys):
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    broken(reads_values(mean_layer))
    assert torch.equal(torch.rand(2), wanted)
    assert capsys.readouterr() == ("", "")


def test_the_base_declares_nothing(mean_layer):
    layer = mean_layer((["a"], []), 4)
    assert layer.not_exportable is layer.not_local is layer.not_weighted is None


def test_a_layer_that_says_that_parts_are_not_enough_may_look_further(mean_layer):
    class Further(looks_two_hops_back(mean_layer)):
        not_in_parts = "it looks at neighbours of neighbours"

    check_layer(Further, skip=["compile", "one step"])
