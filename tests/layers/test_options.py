"""Options are checked by value, and the message names the option."""

import pytest

from mmgraph.errors import ConfigError
from mmgraph.layers.options import head_width, require_choice, require_fraction, require_positive


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_a_count_is_an_integer_of_at_least_one(value):
    with pytest.raises(ConfigError, match=r"hetero_gat\.heads: got .*; wanted an integer of at least 1"):
        require_positive("hetero_gat", "heads", value)


@pytest.mark.parametrize("value", [1, 1.0, -0.1, "0.5", None, True, float("nan")])
def test_a_share_is_below_one(value):
    with pytest.raises(ConfigError, match=r"hetero_gat\.dropout: got"):
        require_fraction("hetero_gat", "dropout", value)


def test_what_fits_comes_back():
    assert require_positive("a", "b", 3) == 3
    assert require_fraction("a", "b", 0) == 0.0
    assert require_choice("a", "b", "sum", ["sum", "mean"]) == "sum"
    assert head_width("a", 12, 3) == 4


@pytest.mark.parametrize("value", ["summ", None, 3, ["sum"]])
def test_a_choice_is_one_of_the_choices(value):
    with pytest.raises(ConfigError, match="wanted one of sum, mean"):
        require_choice("a", "aggr", value, ["sum", "mean"])


def test_heads_divide_the_channels():
    with pytest.raises(ConfigError, match="5 heads for 12 channels"):
        head_width("a", 12, 5)
