"""What `layers.py` measures: cases, the contenders of each, and what is wanted of their ratios.

A further layer is a further entry of CASES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, HeteroConv, HGTConv

from mmgraph.layers import HGT, HeteroGAT, Triple
from mmgraph.ops import (
    BACKENDS,
    Projection,
    RelationInput,
    plan_edges,
    relational_attention,
    use_backend,
)
from mmgraph.ops.huge_pages import empty

CHANNELS, HEADS, WIDTH = 128, 4, 32

Step = Callable[[], object]
"""One step of a contender, forward and backward."""

# How much smaller than the full case a quick one is, and one that only warms up.
SHRINK = {"full": 1, "quick": 10, "tiny": 1000}


@dataclass(frozen=True)
class Goal:
    """What is wanted of one contender's time or memory over another's.

    Args:
        what: ``time`` or ``memory``.
        of: The contender above the line.
        over: The contender below it.
        at_least: The least ratio; None for no limit.
        at_most: The largest ratio; None for no limit.
    """

    what: str
    of: str
    over: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Case:
    """One comparison.

    Args:
        name: What it is called.
        make: From ``full``, ``quick`` or ``tiny`` to the step of each contender.
        goals: What is wanted.
        memory: The contenders whose memory is measured.
    """

    name: str
    make: Callable[[str], dict[str, Callable[[], Step]]]
    goals: tuple[Goal, ...]
    memory: tuple[str, ...] = ("mmgraph", "PyG")


def sorted_edges(num_nodes: int, num_edges: int, seed: int) -> Tensor:
    """Return random edges as PyG likes them best: by target, then by source; int64 [2, E]."""
    generator = torch.Generator(torch.get_default_device()).manual_seed(seed)
    index = torch.randint(0, num_nodes, (2, num_edges), generator=generator)
    return index[:, torch.argsort(index[1] * num_nodes + index[0])].contiguous()


class BareAttention(nn.Module):
    """What PyG's GATConv does and nothing else, by mmgraph's operation."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, HEADS, WIDTH, CHANNELS) / CHANNELS**0.5)
        self.source, self.target = (nn.Parameter(torch.randn(HEADS, WIDTH)) for _ in range(2))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Return the new states [N, C]."""
        # a . (W x) = (W'a) . x, for all heads.
        folded = (self.weight * self.target.unsqueeze(2)).sum(2, keepdim=True)
        edges = plan_edges(edge_index, x.shape[0], x.shape[0])
        relation = RelationInput(
            Projection(x, self.weight, 0), None, Projection(x, folded, 0), edges, vector=self.source
        )
        return relational_attention({"x": [relation]}, sum_relations=True)["x"].flatten(1)


class BareHeteroAttention(HeteroGAT):
    """What PyG's HeteroConv of GATConvs does and nothing else: the layer's messages, and their sum."""

    def forward(self, x_dict: dict[str, Tensor], edges: dict[Triple, Tensor]) -> dict[str, Tensor]:  # type: ignore[override]
        """Return the new states [N, C] by node type."""
        messages = self.messages(x_dict, self._relation_edges(x_dict, edges, {}, {}))
        return {name: z.squeeze(0) for name, z in messages.items()}


def training_step(model: nn.Module, x: Tensor, index: Tensor, direction: Tensor) -> Step:
    """Return a step of a model of one tensor of states, from the gradient of its output."""

    def step() -> None:
        model.zero_grad()
        x.grad = None
        model(x, index).backward(direction)

    return step


def one_relation(num_nodes: int, num_edges: int) -> dict[str, Callable[[], Step]]:
    """Return the contenders on one relation among nodes of one type."""
    torch.manual_seed(0)
    x = torch.randn(num_nodes, CHANNELS, requires_grad=True)
    index = sorted_edges(num_nodes, num_edges, 0)
    direction = torch.randn(num_nodes, CHANNELS)

    def mmgraph() -> Step:
        return training_step(BareAttention(), x, index, direction)

    def pyg() -> Step:
        layer = GATConv(CHANNELS, WIDTH, heads=HEADS, add_self_loops=False, bias=False)
        return training_step(layer, x, index, direction)

    def operation() -> Step:
        return operation_step(num_nodes, index)

    def floor() -> Step:
        return floor_step(num_nodes, index)

    return {"mmgraph": mmgraph, "PyG": pyg, "operation": operation, "floor": floor}


def operation_step(num_nodes: int, index: Tensor) -> Step:
    """Return a step of the operation alone, without projections."""
    values = torch.randn(num_nodes, HEADS, WIDTH, requires_grad=True)
    source, target = (torch.randn(num_nodes, HEADS, requires_grad=True) for _ in range(2))
    direction = torch.randn(num_nodes, HEADS, WIDTH)

    def step() -> None:
        relation = RelationInput(values, source, target, plan_edges(index, num_nodes, num_nodes))
        out = relational_attention({"x": [relation]}, sum_relations=True)["x"]
        torch.autograd.grad(out, (values, source, target), direction)

    return step


def backends(num_nodes: int, num_edges: int) -> dict[str, Callable[[], Step]]:
    """Return the operation alone by each backend that is installed and works here."""
    index = sorted_edges(num_nodes, num_edges, 0)

    def by(name: str) -> Callable[[], Step]:
        def make() -> Step:
            step = operation_step(num_nodes, index)

            def run() -> None:
                with use_backend(name):
                    step()

            return run

        return make

    device = torch.get_default_device().type
    usable = [name for name, each in BACKENDS.items() if each.works_on(device) and not each.missing()]
    return {name: by(name) for name in usable}


def floor_step(num_nodes: int, index: Tensor) -> Step:
    """Return the three passes without which forward and backward cannot be: sums over neighbours' rows.

    On the CPU, each reads the row of every edge's source once and adds it up, as fast as can be: in threads
    and with prefetching. On a GPU, each reads as many bytes in order, as fast as its memory gives them.
    """
    if index.is_cuda:
        rows = torch.randn(index.shape[1], CHANNELS)
        return lambda: [rows.sum() for _ in range(3)]
    from gather_sum import gather_sum

    plan = plan_edges(index, num_nodes, num_nodes)
    pointer, columns = (part.numpy() for part in plan.target_rows)
    values = empty([num_nodes * CHANNELS], torch.float32).normal_().numpy()
    out = empty([num_nodes * CHANNELS], torch.float32).numpy()

    def step() -> None:
        for _ in range(3):
            gather_sum(pointer, columns, values, out, CHANNELS)

    return step


def many_relations(
    num_types: int, num_nodes: int, num_relations: int, num_edges: int, *, hgt: bool = False
) -> dict[str, Callable[[], Step]]:
    """Return the contenders on many relations, a ring of node types after another."""
    torch.manual_seed(0)
    types = [f"t{i}" for i in range(num_types)]
    x_dict = {name: torch.randn(num_nodes, CHANNELS, requires_grad=True) for name in types}
    relations = [
        (types[r % num_types], f"r{r}", types[(r + r // num_types) % num_types]) for r in range(num_relations)
    ]
    edges = {relation: sorted_edges(num_nodes, num_edges, seed) for seed, relation in enumerate(relations)}

    def step_of(model: nn.Module) -> Step:
        def step() -> None:
            model.zero_grad()
            for x in x_dict.values():
                x.grad = None
            sum(x.sum() for x in model(x_dict, edges).values()).backward()

        return step

    def ours(layer: type[nn.Module]) -> Callable[[], Step]:
        return lambda: step_of(layer((types, relations), CHANNELS, heads=HEADS, norm="none"))

    def pyg() -> Step:
        if hgt:
            return step_of(HGTConv(CHANNELS, CHANNELS, (types, relations), HEADS))
        options = {"heads": HEADS, "add_self_loops": False, "bias": False}
        convolutions = {r: GATConv((CHANNELS, CHANNELS), WIDTH, **options) for r in relations}
        return step_of(HeteroConv(convolutions, aggr="sum"))

    if hgt:
        return {"mmgraph": ours(HGT), "PyG": pyg}
    return {"mmgraph": ours(BareHeteroAttention), "PyG": pyg, "hetero_gat": ours(HeteroGAT)}


def growth(num_nodes: int) -> dict[str, Callable[[], Step]]:
    """Return one relation of mean degree 10, the same ten times over, and that again ten times over."""

    def step(nodes: int) -> Step:
        x = torch.randn(nodes, CHANNELS, requires_grad=True)
        index = sorted_edges(nodes, 10 * nodes, 0)
        return training_step(BareAttention(), x, index, torch.randn(nodes, CHANNELS))

    def floor(nodes: int) -> Step:
        return floor_step(nodes, sorted_edges(nodes, 10 * nodes, 0))

    return {
        "nodes": lambda: step(num_nodes),
        "10 x nodes": lambda: step(10 * num_nodes),
        "100 x nodes": lambda: step(100 * num_nodes),
        "floor": lambda: floor(num_nodes),
        "10 x floor": lambda: floor(10 * num_nodes),
        "100 x floor": lambda: floor(100 * num_nodes),
    }


def _faster(ratio: float) -> Goal:
    return Goal("time", "PyG", "mmgraph", at_least=ratio)


def _smaller(ratio: float) -> Goal:
    return Goal("memory", "PyG", "mmgraph", at_least=ratio)


CASES = [
    Case(
        "one relation, 200k nodes, 2M edges",
        lambda size: one_relation(200_000 // SHRINK[size], 2_000_000 // SHRINK[size]),
        (_faster(6), _smaller(10), Goal("time", "operation", "floor", at_most=3)),
    ),
    Case(
        "12 relations of 170k edges",
        lambda size: many_relations(4, 20_000 // SHRINK[size], 12, 170_000 // SHRINK[size]),
        (_faster(3), _smaller(2)),
    ),
    Case(
        "100 relations of 20k edges",
        lambda size: many_relations(10, 10_000 // SHRINK[size], 100, 20_000 // SHRINK[size]),
        (_faster(2.5), _smaller(2)),
    ),
    Case(
        "hgt, 12 relations of 170k edges",
        lambda size: many_relations(4, 20_000 // SHRINK[size], 12, 170_000 // SHRINK[size], hgt=True),
        (_faster(5), _smaller(2)),
    ),
    Case(
        "2k nodes, 10 relations of 2k edges",
        lambda size: many_relations(
            2, 1_000 // min(10, SHRINK[size]) * (10 if size == "quick" else 1), 10, 2_000
        ),
        (_faster(2),),
        memory=(),
    ),
    Case(
        "the operation by each backend",
        lambda size: backends(200_000 // SHRINK[size], 2_000_000 // SHRINK[size]),
        (),
        memory=(),
    ),
    Case(
        "nodes x 10 at constant degree, from 20k to 200k (and to 2M, where the floor grows as well)",
        lambda size: growth(20_000 // SHRINK[size]),
        (Goal("time", "10 x nodes", "nodes", at_most=11),),
        memory=(),
    ),
]
