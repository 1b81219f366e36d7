"""Models of sentence-transformers from a folder: from safetensors, fed as the library feeds them.

Shapes: B texts, L tokens, D channels.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgraph.encoders.hub_model import in_peace
from mmgraph.encoders.padding import TRIED, sees_padding
from mmgraph.encoders.placement import Placement
from mmgraph.encoders.pretrained import require_no_adapter
from mmgraph.encoders.tokenise import token_ids
from mmgraph.errors import DataError, MissingDependencyError

_INSTALL = "Install it: pip install 'mmgraph[minilm]', or 'mmgraph[text]' without a model"

_LOADS = (OSError, ValueError, KeyError, ImportError, AttributeError, TypeError, RuntimeError)
"""What the library raises about a folder that holds something else."""

_ROWS = {"input_ids", "attention_mask", "token_type_ids"}
"""What a transformer reads of texts, each [B, L]."""

_BAGS = {"input_ids", "offsets"}
"""What static embeddings are looked up by: the tokens of all texts, and where each text begins."""

_UNLIMITED = 1 << 30
_MOST_TRIED = 1 << 15


@dataclass(frozen=True, eq=False)
class SentenceModel:
    """A model, and what the library would hand to it besides the tokens of texts.

    Args:
        model: The ``sentence_transformers.SentenceTransformer``.
        prompt: What stands before each text.
        bags: Whether a text is a bag of tokens, whose vectors are looked up, without a transformer.
        beside: What the model is told beside the tokens, e.g. the length of the prompt, which poolings may
            leave out.
        placed: Where the model is, and in which precision it computes.
    """

    model: Any
    prompt: str
    bags: bool
    beside: dict[str, Any]
    placed: Placement

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text."""
        if self.bags:
            return _UNLIMITED
        return int(min(self.model.max_seq_length or self.model.tokenizer.model_max_length, _UNLIMITED))

    @property
    def pad(self) -> int:
        """The token that stands behind the last one of a text."""
        return 0 if self.bags else int(self.model.tokenizer.pad_token_id or 0)

    @functools.cached_property
    def sees_padding(self) -> bool:
        """Whether padding behind a text changes what the model makes of it."""
        return not self.bags and sees_padding(
            lambda ids, mask: self.vectors(self.model, ids, mask),
            self.tokens([TRIED])[0],
            pad=self.pad,
            most=self.max_tokens,
            where=self.placed,
        )

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text behind the prompt."""
        texts, tokenizer = [self.prompt + text for text in texts], self.model.tokenizer
        if not self.bags:
            return token_ids(tokenizer, texts, most=self.max_tokens)
        return [list(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]

    def vectors(self, model: Any, ids: Any, mask: Any) -> Any:
        """Return vectors [B, D] of token ids and their mask, int64 [B, L].

        Args:
            model: The model, or a copy of it that is trained.
            ids: The token ids.
            mask: Which of them are real.
        """
        rows = {"input_ids": ids, "attention_mask": mask}
        if self.bags:
            lengths = mask.sum(dim=1)
            rows = {"input_ids": ids[mask.bool()], "offsets": lengths.cumsum(dim=0) - lengths}
        return model({**rows, **self.beside})["sentence_embedding"][:, : model.truncate_dim]


@functools.lru_cache(maxsize=2)
def sentence_model(
    folder: Path,
    content: str,  # noqa: ARG001 - part of the key
    where: str,
    placed: Placement,
) -> SentenceModel:
    """Return the model that a folder holds; the same folder and content are loaded once.

    Args:
        folder: Its folder, as ``save_pretrained`` writes it and the hub keeps it.
        content: The hash of what it holds.
        where: The place that names it, for messages.
        placed: Where it shall be.

    Raises:
        DataError: If it cannot be loaded, holds weights that are no safetensors, or reads texts in a way that
            is not known here.
        MissingDependencyError: If sentence-transformers is not installed.
    """
    try:
        import sentence_transformers
    except ImportError as error:
        raise MissingDependencyError(
            f"needs sentence-transformers, which cannot be loaded: {error}", where=where, fix=_INSTALL
        ) from None
    place = f"{where}: {folder}"
    try:
        _require_safetensors(folder, place)
        with in_peace():
            model = sentence_transformers.SentenceTransformer(
                str(folder),
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
    except _LOADS as error:
        raise DataError(
            f"the sentence transformer cannot be loaded: {str(error).strip().partition(chr(10))[0]}",
            where=place,
            fix="Give a folder or a hub name of a model of sentence-transformers with safetensors weights.",
        ) from None
    return _understood(placed.moved(model.eval()), place, placed)


def _understood(model: Any, place: str, placed: Placement) -> SentenceModel:
    """Return a model whose texts become the tokens that the library itself makes of them.

    Raises:
        DataError: If they do not: a chat template, a module that looks words up in a way of its own.
    """
    prompt = model.prompts.get(model.default_prompt_name) or ""
    try:
        read = dict(model.preprocess(["a"], prompt=prompt or None))
        tensors = {name for name, value in read.items() if hasattr(value, "shape")}
        beside = {name: value for name, value in read.items() if name not in tensors}
        bags = tensors == _BAGS
        found = SentenceModel(model, prompt, bags, beside, placed)
        known = bags or {"input_ids", "attention_mask"} <= tensors <= _ROWS
        tried = ["a", "a " * min(found.max_tokens + 1, _MOST_TRIED)]
        same = known and found.tokens(tried) == [
            model.preprocess([text], prompt=prompt or None)["input_ids"].flatten().tolist() for text in tried
        ]
        typed = "token_type_ids" in tensors and bool(read["token_type_ids"].any())
    except _LOADS:
        same = typed = False
    if not same or typed:
        first = type(model[0]).__name__
        raise DataError(
            f"the model does not read texts as tokens of a transformer alone (its first module is {first})",
            where=place,
            fix="Take another model, or write its vectors with the library and name them as features.",
        )
    return found


def _require_safetensors(folder: Path, place: str) -> None:
    """Refuse modules whose weights stand in another format or another folder, which the library would read.

    Raises:
        DataError: If there are any.
    """
    for module in _module_folders(folder):
        require_no_adapter(module, where=place)
        safe = any((module / f"model.safetensors{end}").is_file() for end in ("", ".index.json"))
        if (module / "pytorch_model.bin").is_file() and not safe:
            name = module.relative_to(folder).as_posix()
            raise DataError(
                f"the weights of module {name} are in pytorch_model.bin alone; only safetensors are read",
                where=place,
                fix="Where you trust the file, load the model with sentence_transformers.SentenceTransformer "
                "and save it again with save_pretrained, which writes safetensors.",
            )


def _module_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders of the modules of a model, those of routes among them."""
    listed = folder / "modules.json"
    paths = [each["path"] for each in json.loads(listed.read_text("utf-8"))] if listed.is_file() else [""]
    for path in paths:
        yield folder / path
        router = folder / path / "router_config.json"
        if router.is_file():
            yield from (router.parent / name for name in json.loads(router.read_text("utf-8"))["types"])
