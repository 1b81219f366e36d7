"""Checks that anybody can run on a layer or a model of their own: the whole contract in one line."""

from mmgraph.testing.check_layer import LAYER_RULES, check_layer
from mmgraph.testing.check_model import MODEL_RULES, check_model
from mmgraph.testing.contract_error import ContractError

__all__ = ["LAYER_RULES", "MODEL_RULES", "ContractError", "check_layer", "check_model"]
