"""The kernels under the layers: functions of tensors that know nothing of datasets or configuration."""

from mmgraph.ops.backends import BACKENDS, Backend, use_backend
from mmgraph.ops.edge_nodes import plan_edge_nodes
from mmgraph.ops.edge_plan import EdgePlan, adopt_plan, check_edge_index, make_plan, plan_edges
from mmgraph.ops.group_attention import Groups, group_attention, loops_suit, make_groups
from mmgraph.ops.merged_plan import merge_plans
from mmgraph.ops.neighbour_sum import neighbour_sum
from mmgraph.ops.projection import Projection, StackedRows
from mmgraph.ops.relation_input import RelationInput
from mmgraph.ops.relational_attention import attention_weights, relational_attention
from mmgraph.ops.segment import segment_max, segment_mean, segment_softmax, segment_sum

__all__ = [
    "BACKENDS",
    "Backend",
    "EdgePlan",
    "Groups",
    "Projection",
    "RelationInput",
    "StackedRows",
    "adopt_plan",
    "attention_weights",
    "check_edge_index",
    "group_attention",
    "loops_suit",
    "make_groups",
    "make_plan",
    "merge_plans",
    "neighbour_sum",
    "plan_edge_nodes",
    "plan_edges",
    "relational_attention",
    "segment_max",
    "segment_mean",
    "segment_softmax",
    "segment_sum",
    "use_backend",
]
