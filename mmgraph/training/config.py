"""The configuration of a training: what can stand in ``configs/*.yaml`` and after ``--set``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from mmgraph.config import Config
from mmgraph.data.choice import Choice
from mmgraph.training.contrastive_config import ContrastiveConfig
from mmgraph.training.duration import parse_duration
from mmgraph.training.encoder_config import EncoderConfig
from mmgraph.training.link_config import LinkConfig
from mmgraph.training.matching_config import MatchingConfig
from mmgraph.training.without_config import WithoutConfig

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Neighbours = Annotated[int, Field(ge=-1)]
Precision = Literal["32", "bf16-mixed", "16-mixed"]
ReportTo = Literal["tensorboard", "csv", "wandb", "mlflow", "none"]
Engine = Literal["local", "ray"]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

USUAL_BATCH_SIZE = 1024
"""Training entities of a step, where samples are taken and nobody says how many."""


class ModelConfig(Config):
    """Which model, and its size."""

    name: str = Field(default="hetero_gat", description="A registered model (`mmgraph list models`).")
    layers: tuple[Choice, ...] | None = Field(
        default=None,
        min_length=1,
        description="Layers from first to last, instead of the model's own; each a name of "
        "`mmgraph list layers`, or a mapping of `name` and that layer's options.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the model's own, e.g. `aggr: attention`."
    )
    hidden_channels: int = Field(default=128, ge=1, description="Width of the shared space.")
    num_layers: int | None = Field(
        default=None, ge=1, description="How many layers, instead of the model's own."
    )
    heads: int = Field(default=4, ge=1, description="Attention heads; they divide `hidden_channels`.")
    dropout: float = Field(
        default=0.5, ge=0, lt=1, description="Share of values that each layer drops while training."
    )
    input_dropout: float = Field(
        default=0.5, ge=0, lt=1, description="Share of features that is dropped before the projection."
    )
    readout: Literal["last", "jk"] = Field(
        default="last",
        description="`last` reads the state after the last layer, `jk` (jumping knowledge) all states.",
    )
    missing: Literal["absent", "token", "neighbours"] = Field(
        default="absent",
        description="What becomes of a modality that an entity lacks: `absent` leaves it away, `token` puts "
        "a learned state of the modality in its place, `neighbours` the mean of neighbours that have it.",
    )
    modality_dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Probability with which each modality of an entity is taken away while training; an "
        "entity keeps at least one.",
    )
    featureless: Literal["degree", "learned"] = Field(
        default="degree",
        description="What tells the nodes of a type apart that has neither features nor modalities: "
        "`degree`, how many edges of each relation they have, or `learned`, a vector for each node of this "
        "graph.",
    )


class OptimiserConfig(Config):
    """How the weights are moved."""

    name: Literal["adamw", "sgd"] = Field(
        default="adamw", description="AdamW, or SGD with a momentum of 0.9."
    )
    lr: Positive = Field(default=0.005, description="Learning rate, at its highest.")
    weight_decay: NotNegative = Field(default=0.001, description="Decoupled weight decay.")
    schedule: Literal["constant", "cosine", "one_cycle", "plateau"] = Field(
        default="constant",
        description="How the learning rate moves, step by step over `max_epochs`: `constant`; `cosine` "
        "lowers it to 0; `one_cycle` raises it from a 25th and lowers it to next to 0; `plateau` lowers it "
        "when validation gets no better.",
    )
    warmup: NotNegative | None = Field(
        default=None,
        description="Steps in which the learning rate rises to its highest: a share of all steps if below 1, "
        "else their number. With the whole graph in each step, a step is an epoch. 0 if nothing is set, and "
        "0.3 for `one_cycle`.",
    )
    plateau_patience: int = Field(
        default=10,
        ge=1,
        description="With `plateau`: epochs without a better validation metric after which the learning rate "
        "is lowered, fewer than `patience`.",
    )
    plateau_factor: float = Field(
        default=0.1, gt=0, lt=1, description="With `plateau`: what the learning rate is multiplied by."
    )
    clip_norm: Positive | None = Field(
        default=1.0, description="The norm that the gradient is cut down to; nothing for no limit."
    )

    @field_validator("warmup")
    @classmethod
    def _share_or_number(cls, warmup: float | None) -> float | None:
        if warmup is not None and warmup > 1 and warmup != round(warmup):
            raise ValueError(f"got {warmup:g}; wanted a share below 1, or a whole number of steps")
        return warmup


class TrainConfig(Config):
    """How a model is trained on a task.

    Example:
        >>> TrainConfig(max_epochs=10).model.name
        'hetero_gat'
    """

    model: ModelConfig = Field(default_factory=ModelConfig, description="Which model, and its size.")
    optimiser: OptimiserConfig = Field(
        default_factory=OptimiserConfig, description="How the weights are moved."
    )
    encoders: EncoderConfig = Field(
        default_factory=EncoderConfig,
        description="How pre-trained encoders are trained together with the model.",
    )
    links: LinkConfig = Field(
        default_factory=LinkConfig, description="How a task that asks for links scores and learns them."
    )
    contrastive: ContrastiveConfig = Field(
        default_factory=ContrastiveConfig,
        description="How a task learns that brings two kinds of states together.",
    )
    matching: MatchingConfig = Field(
        default_factory=MatchingConfig,
        description="How a task learns that asks whether two modalities belong together.",
    )
    objectives: dict[str, Positive] | None = Field(
        default=None,
        description="Of a pre-training (`--task pretrain`): the weight of each objective. `contrastive` "
        "brings every two modalities of an entity together, `masked_modality` finds a hidden modality again, "
        "`masked_features` hidden values, `link_reconstruction` edges that are left out, `relation_contrast` "
        "brings the two ends of such edges together, `infomax` tells a "
        "state from those of a corrupted graph, and `supervised_contrastive` brings entities of one class "
        "together. If nothing is set, `contrastive` and `masked_modality` where there are several "
        "modalities, else `masked_features` and `infomax`, at 1 each.",
    )
    mask_share: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Of a pre-training: the share of entities whose modality a step hides, of values that it "
        "hides, and of edges that it leaves out.",
    )
    classes_of: str | None = Field(
        default=None,
        description="Of a pre-training with `supervised_contrastive`: the classification whose training "
        "labels it reads. If nothing is set, the only one of the entity type.",
    )
    label_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="The share of the training labels that is read, at least one of each class; `seed` says "
        "which. Validation and test keep theirs.",
    )
    task_weights: dict[str, Positive] | Literal["uncertainty"] | None = Field(
        default=None,
        description="Of several tasks at once (`--task A,B`): how much each counts, in the loss and in what "
        "chooses the best epoch; 1 for one that is not named. `uncertainty` learns the weights in the loss.",
    )
    init_from: str | None = Field(
        default=None,
        description="A run folder, whose model's weights this one begins with as far as they are of the same "
        "name and shape. If no model is named, it is that run's.",
    )
    finetune: Literal["full", "frozen", "linear_probe"] = Field(
        default="full",
        description="With `init_from`: `full` trains all weights, `frozen` those alone that the run did not "
        "have, such as of new modalities, and the head, and `linear_probe` the head alone, on states without "
        "dropout.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seeds everything random.")
    max_epochs: int = Field(
        default=200,
        ge=1,
        description="The most epochs; in one, every training entity or link is asked for once, but with the "
        "whole graph in each step only `links.asked` of the links.",
    )
    batch_size: int | None = Field(
        default=None,
        ge=0,
        description="Training entities, or links, of a step, which then sees a sample of their "
        "neighbourhoods; 0 for all, and the whole graph. If nothing is set, 0 where the whole graph fits "
        "into memory, else 1024.",
    )
    fanout: tuple[Neighbours, ...] | dict[str, tuple[Neighbours, ...]] | None = Field(
        default=None,
        description="How many neighbours a sample takes by each relation, hop after hop: one number for each "
        "layer that reads relations, -1 for all; more numbers are not used. Usually 15, 10, and 5 for each "
        "further hop. Also by relation, e.g. `{looks_like: [15, 10], '*': [5, 5]}`, where `*` stands for the "
        "others, and a reverse relation follows the one that it reverses.",
    )
    temporal: Literal["none", "uniform", "last"] = Field(
        default="none",
        description="Whether an entity sees only what was there at its own time: no later edge, and no later "
        "node. A sample then takes any of these neighbours (`uniform`) or the latest ones (`last`), and "
        "metrics are of all of them. Entities need times (`time` in `dataset.yaml`, or a split by time).",
    )
    accumulate: int = Field(
        default=1,
        ge=1,
        description="Batches whose gradients are joined to one step, as if they were one batch: the effect "
        "of a larger `batch_size` with the memory of a smaller one.",
    )
    batch_threads: int = Field(
        default=2, ge=0, description="How many batches are sampled ahead at a time; the result is the same."
    )
    eval_batch_size: int | None = Field(
        default=None,
        ge=1,
        description="How many nodes are measured at a time, each with all of its neighbours: fewer take less "
        "memory, and the result is the same, but for the objective `infomax`, which deals out features among "
        "those that are measured together. If nothing is set, all at once where a step sees the whole "
        "graph, else 4096 that pass one layer, or `batch_size` that pass the model where `model.missing` is "
        "set.",
    )
    patience: int = Field(
        default=40, ge=1, description="Epochs without a better validation metric after which training stops."
    )
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Measure and keep an exponential moving average of the weights, of which this share "
        "stays in each step, e.g. 0.99, and less in the first steps; 0 for none.",
    )
    loss: Literal["cross_entropy", "focal"] = Field(
        default="cross_entropy",
        description="Of classes: `focal` lets those entities count less that are predicted well already. "
        "Numbers have the squared error.",
    )
    focal_gamma: NotNegative | None = Field(
        default=None,
        description="With `focal`: how much less they count; 0 is cross-entropy. 2 if nothing is set.",
    )
    checkpoint_seconds: NotNegative = Field(
        default=30.0,
        description="How often, at the most, the state of a training is written to where `--resume` finds "
        "it; 0 for before every step. The result is the same.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none",
        description="`balanced` weighs each class by the inverse of its frequency in training.",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the target that is spread over all classes."
    )
    edges: Literal["given", "none", "shuffled"] = Field(
        default="given",
        description="Controls: `none` leaves only the edges between modalities and their entity; `shuffled` "
        "permutes the targets of every other relation.",
    )
    features: Literal["given", "noise"] = Field(
        default="given",
        description="A control: `noise` puts random numbers in the place of all features, so that only "
        "relations tell anything, and which modalities an entity has.",
    )
    without: WithoutConfig = Field(
        default=WithoutConfig(),
        description="A control: modalities and relations that the model does not see, e.g. "
        "`without.relations=looks_like`, and what was made from them, beside what the task must not see.",
    )
    device: str = Field(
        default="auto",
        description="Where to train: `cpu`, `cuda`, one of several GPUs (`cuda:1`), or `auto`, which takes a "
        "GPU where there is one. Metrics are made on the CPU.",
    )
    devices: int = Field(
        default=1,
        ge=1,
        description="How many GPUs, or processes on the CPU, share each batch: one process for each, which "
        "keeps a copy of the weights. `batch_size` is what all have together.",
    )
    engine: Engine = Field(
        default="local",
        description="Who starts these processes: `local` on this machine, `ray` as workers of a Ray cluster, "
        "where those that are lost are replaced. The result is the same.",
    )
    precision: Precision = Field(
        default="32",
        description="What a training step computes in: `32` is float32; `bf16-mixed` and `16-mixed` (on a "
        "GPU alone) compute large products in 16 bits. Weights, validation and metrics stay in float32.",
    )
    compile: bool = Field(
        default=False,
        description="Compile the model by `torch.compile`, which takes a while at first and a C++ compiler.",
    )
    max_time: Positive | None = Field(
        default=None,
        description="How long to train at most, in seconds or as `90s`, `10m`, `1h30m`: the training stops "
        "after the step in which time is up, and keeps the best weights.",
    )

    report_to: tuple[ReportTo, ...] | None = Field(
        default=None,
        description="Where the training can be followed while it goes on: `tensorboard` and `csv` are in the "
        "run folder, `wandb` and `mlflow` need those libraries; `none` for nowhere. If nothing is set, "
        "`tensorboard` where there is a run folder.",
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
            raise ValueError(f"got {device!r}; wanted auto, cpu, cuda, or one of several such as cuda:1")
        return device

    @field_validator("precision", mode="before")
    @classmethod
    def _number_of_bits(cls, precision: Any) -> Any:
        """Take the number 32 for its name: so YAML reads it."""
        return "32" if precision == 32 and not isinstance(precision, bool) else precision

    @field_validator("max_time", mode="before")
    @classmethod
    def _seconds(cls, max_time: Any) -> Any:
        return parse_duration(max_time) if isinstance(max_time, str) else max_time

    @field_validator("report_to", mode="before")
    @classmethod
    def _none(cls, report_to: Any) -> Any:
        """Take ``none`` alone for an empty list; validators that stand further down go first."""
        if not isinstance(report_to, (list, tuple)):
            return report_to
        if "none" in report_to and len(report_to) > 1:
            raise ValueError(f"got none beside others in {','.join(map(str, report_to))}; wanted none alone")
        return [] if list(report_to) == ["none"] else report_to

    @field_validator("fanout", "report_to", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take ``15,10`` for ``[15, 10]``: so it is written on the command line."""
        return value.split(",") if isinstance(value, str) else value

    @field_validator("fanout", mode="before")
    @classmethod
    def _split_relations(cls, fanout: Any) -> Any:
        """Take ``looks_like=15,10 *=5,5`` for a mapping."""
        if isinstance(fanout, str) and "=" in fanout:
            parts = [part.partition("=")[::2] for part in fanout.split()]
            names = [name for name, _ in parts]
            if not all(names):
                raise ValueError(f"got {fanout!r}; wanted a relation before each =, such as looks_like=15,10")
            if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
                raise ValueError(f"got {twice[0]!r} twice in {fanout!r}; wanted each relation once")
            fanout = dict(parts)
        if isinstance(fanout, dict):
            return {k: each.split(",") if isinstance(each, str) else each for k, each in fanout.items()}
        return fanout

    @field_validator("report_to")
    @classmethod
    def _each_once(cls, report_to: tuple[ReportTo, ...] | None) -> tuple[ReportTo, ...] | None:
        if report_to is not None and len(set(report_to)) < len(report_to):
            raise ValueError(f"got {','.join(report_to)}; wanted each of them once")
        return report_to
