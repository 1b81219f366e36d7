"""The one error that lists every rule that a layer, a model or an encoder breaks."""

from __future__ import annotations

from mmgraph.errors import UserError


class ContractError(UserError, AssertionError):
    """A layer, a model or an encoder breaks rules that all of them keep; each is one of ``faults``.

    Example:
        >>> from mmgraph.errors import Fault
        >>> error = ContractError.of([Fault("MyLayer: node order", "got other states; wanted the same")])
        >>> str(error)
        'MyLayer: node order: got other states; wanted the same'
        >>> error.rules
        ('node order',)
    """

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that are broken."""
        return tuple(fault.where.rpartition(": ")[2] for fault in self.faults)
