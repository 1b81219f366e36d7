"""Rules on torch.compile and torch.export."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from mmgraph.testing.rule import Rule, Subject, difference


def _compile(subject: Subject) -> Iterator[str]:
    module = subject.make(subject.tiny)
    with torch.no_grad():
        wanted = module(*subject.tiny.inputs)
        torch.compiler.reset()
        try:
            # It is the tracing that is checked: a backend that generates code would need a compiler.
            found = torch.compile(module, backend="eager", dynamic=False)(*subject.tiny.inputs)
        finally:
            torch.compiler.reset()
    if (unlike := difference(found, wanted)) is not None:
        yield unlike


def _export(subject: Subject) -> Iterator[str]:
    module = subject.make(subject.tiny)
    reason = getattr(module, "not_exportable", None)
    try:
        found = _exported(module, subject)
    except Exception as error:
        if reason is None:
            first = str(error).strip().partition("\n")[0]
            yield f"{type(error).__name__}: {first}, and no reason in not_exportable"
        return
    if reason is not None:
        yield f"an exported program although it says that it cannot be exported: {reason}"
    elif found is not None:
        yield found


def _exported(module: nn.Module, subject: Subject) -> str | None:
    with torch.no_grad():
        program = torch.export.export(module, subject.tiny.inputs)
        return difference(program.module()(*subject.tiny.inputs), module(*subject.tiny.inputs))


COMPILER_RULES = (
    Rule(
        "compile",
        "the same states from torch.compile",
        "Put torch.compiler.disable on the function that it cannot trace.",
        _compile,
    ),
    Rule(
        "export",
        "the same states from torch.export, or a reason in not_exportable why not",
        "Take shapes, never values, to decide what to do; or say why not in not_exportable.",
        _export,
    ),
)
"""What holds for layers and models alike, of the compiler."""
