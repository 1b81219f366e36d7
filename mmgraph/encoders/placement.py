"""Where pre-trained models compute what they make of items, and in which precision."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mmgraph.devices import choose_device
from mmgraph.errors import ConfigError, RunError, did_you_mean

PRECISIONS = ("32", "bf16-mixed")


@dataclass(frozen=True)
class Placement:
    """A device and a precision.

    Args:
        device: ``cpu``, ``cuda``, one of several GPUs, such as ``cuda:1``, or ``auto`` for a GPU where there
            is one.
        precision: ``32`` for float32; ``bf16-mixed`` to compute large products in 16 bits (bfloat16); nothing
            for that on a GPU that has it, and float32 elsewhere.
    """

    device: str = "cpu"
    precision: str | None = "32"

    def resolved(self) -> Placement:
        """Return the placement that this stands for on this machine.

        Raises:
            ConfigError: If there is no such device.
        """
        if self.device == "cpu":
            # Nobody has to wait for torch.
            return Placement("cpu", self.precision or "32")
        import torch

        chosen = choose_device(self.device)
        bf16 = chosen.type == "cuda" and torch.cuda.is_bf16_supported()
        return Placement(str(chosen), self.precision or ("bf16-mixed" if bf16 else "32"))

    @property
    def on_cpu(self) -> bool:
        """Whether it is the CPU."""
        return self.device == "cpu"

    @property
    def mark(self) -> dict[str, Any]:
        """What keeps what is made here apart from what the CPU makes in float32; of that, nothing."""
        if self == Placement():
            return {}
        return {"placement": [self.device.partition(":")[0], self.precision]}

    def computed(self, make: Callable[..., Any], *inputs: Any) -> Any:
        """Return what a function makes of tensors, without gradients: float32 on the CPU.

        Args:
            make: Takes the tensors, on the device, and returns a tensor or a tuple of tensors.
            inputs: The tensors.

        Raises:
            RunError: If the memory of the device runs out.
        """
        import torch

        products: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if self.precision == "bf16-mixed":
            products = torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16)
        with self._memory_told(), torch.inference_mode(), products:
            made = make(*(tensor.to(self.device) for tensor in inputs))
            if isinstance(made, tuple):
                return tuple(part.float().cpu() for part in made)
            return made.float().cpu()

    def moved(self, model: Any) -> Any:
        """Return a module, moved to the device.

        Raises:
            RunError: If the memory of the device is not enough.
        """
        with self._memory_told():
            return model.to(self.device)

    @contextlib.contextmanager
    def _memory_told(self) -> Iterator[None]:
        import torch

        try:
            yield
        except torch.OutOfMemoryError as error:
            raise RunError(
                f"the memory of {self.device} ran out ({str(error).partition(chr(10))[0]})",
                where="device",
                fix="Give the encoder a smaller batch_size where it has one, or set the device to cpu. What "
                "was encoded before is kept.",
            ) from error


_placement: ContextVar[Placement] = ContextVar("placement", default=Placement())  # noqa: B039 - frozen


def placement() -> Placement:
    """Return where pre-trained models compute now: on the CPU in float32, except within :func:`placed`.

    Raises:
        ConfigError: If there is no such device.
    """
    return _placement.get().resolved()


@contextlib.contextmanager
def placed(where: Placement) -> Iterator[None]:
    """Have pre-trained models compute somewhere within this block.

    Args:
        where: Where; ``auto`` is looked up once it is needed.
    """
    before = _placement.set(where)
    try:
        yield
    finally:
        _placement.reset(before)


def choose_placement(device: str | None, precision: str | None, *, engine: str = "local") -> Placement:
    """Return the placement that names stand for.

    Args:
        device: ``auto`` for a GPU where there is one, ``cpu``, ``cuda`` or e.g. ``cuda:1``; nothing for what
            ``MMGRAPH_DEVICE`` says, or else ``auto``.
        precision: ``32`` or ``bf16-mixed``; nothing for ``bf16-mixed`` on a GPU that has it, else ``32``.
        engine: Who encodes: the workers of a cluster, ``ray``, do it on their CPUs.

    Raises:
        ConfigError: If there is no such device or precision.
    """
    if precision is not None and precision not in PRECISIONS:
        raise ConfigError(
            f"got {precision!r}; wanted {' or '.join(PRECISIONS)}",
            where="precision",
            fix=did_you_mean(precision, PRECISIONS),
        )
    if engine == "ray":
        if device not in (None, "auto", "cpu"):
            raise ConfigError(
                f"got {device}, but the workers of a cluster encode on their CPUs",
                where="device",
                fix="Leave it out, or the engine.",
            )
        return Placement("cpu", precision)
    where = Placement(device or os.environ.get("MMGRAPH_DEVICE") or "auto", precision)
    return where if where.device == "auto" else where.resolved()
