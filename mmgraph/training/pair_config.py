"""What tasks about two modalities of an entity have in common in a config."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Channels = Annotated[int, Field(ge=1, description="Width of the space in which both are compared.")]
Context = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="With the whole graph in each step: the share of training entities that a step does not "
        "ask for, and of which all is seen. With 0, no entity is ever seen as a whole.",
    ),
]
