"""A registered thing that is chosen by its name, with its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError


class Choice(BaseModel):
    """A registered thing and its parameters: ``{name: knn, k: 10}``, or just ``knn``.

    The parameters are checked by the thing that is named, when the name is looked up.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(description="The name that it is registered under.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value and "name" not in value:
            key, options = next(iter(value.items()))
            if options is None or isinstance(options, Mapping):
                written = ", ".join(
                    [f"name: {key}", *(f"{name}: {value}" for name, value in (options or {}).items())]
                )
                raise PydanticCustomError(
                    "choice",
                    "has no `name`",
                    {"fix": f"Write {{{written}}}: the name, and the options beside it."},
                )
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say in the JSON Schema that the name alone will do."""
        return {"anyOf": [{"type": "string"}, handler(schema)]}

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters without the name."""
        return dict(self.model_extra or {})
