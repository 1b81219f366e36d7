"""Checks that anybody can run on a layer, model or encoder of their own: the whole contract in one line."""

from mmgraph.testing.check_encoder import ENCODER_RULES, check_encoder
from mmgraph.testing.check_layer import LAYER_RULES, check_layer
from mmgraph.testing.check_model import MODEL_RULES, check_model
from mmgraph.testing.contract_error import ContractError

__all__ = [
    "ENCODER_RULES",
    "LAYER_RULES",
    "MODEL_RULES",
    "ContractError",
    "check_encoder",
    "check_layer",
    "check_model",
]
