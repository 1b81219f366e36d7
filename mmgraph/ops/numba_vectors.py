"""What the loops on the CPU are made of that numba does not bring: vectors of numbers, and prefetching.

numba makes a loop over a slice of a few numbers several times slower than it need be: it checks the bounds
of the slice, asks at each turn whether what it writes is also what it reads, and keeps no sum in registers.
A :class:`Vector` is a value of the processor's own, as long as a row of a head where that is possible.
"""
# ruff: noqa: ARG001

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

# Sums may be reordered and multiplications fused, but infinities mean what they say: they mark dropped edges.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp", "afn"}

# Without numba's counts of who holds an array: they are kept by locked instructions, some for every edge,
# which cost more than the edge. Kernels make no arrays, and those that they are given outlive them.
kernel: Any = njit(nogil=True, cache=True, fastmath=_FASTMATH, error_model="numpy", _nrt=False)  # type: ignore[call-overload]
"""The decorator of a kernel."""

_MOST_LANES = 32
_FLAGS = tuple(sorted(_FASTMATH))
_INT = ir.IntType(32)


def lanes_of(width: int) -> tuple[int, ...]:
    """Return as many zeros as there are lanes in the vectors that a head is read in.

    A kernel goes by how many there are, which is part of their type, and so known when it is compiled.

    Example:
        >>> [len(lanes_of(width)) for width in (64, 32, 24, 5)]
        [32, 32, 8, 1]
    """
    lanes = _MOST_LANES
    while width % lanes:
        lanes //= 2
    return (0,) * lanes


class Vector(types.Type):
    """Numbers of one type side by side."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        super().__init__(name=f"Vector({dtype}, {lanes})")
        self.dtype, self.lanes = dtype, lanes


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, _llvm(kind))  # type: ignore[no-untyped-call]


def _llvm(kind: Vector) -> Any:
    number = ir.FloatType() if kind.dtype == types.float32 else ir.DoubleType()
    return ir.VectorType(number, kind.lanes)


def _address(context: Any, builder: Any, kind: Any, array: Any, position: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [position])


def _make_load(_context: Any, array: Any, position: Any, lanes: Any) -> Any:
    """Return the numbers from ``position`` on, as many as ``lanes`` has."""
    vector = Vector(array.dtype, len(lanes))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments[:2])
        size = array.dtype.bitwidth // 8
        return builder.load(builder.bitcast(address, _llvm(vector).as_pointer()), align=size)

    return vector(array, types.intp, lanes), generate


def _make_store(_context: Any, array: Any, position: Any, vector: Any) -> Any:
    """Write a vector to ``position`` and what follows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments[:2])
        size = array.dtype.bitwidth // 8
        builder.store(arguments[2], builder.bitcast(address, _llvm(vector).as_pointer()), align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _make_zeros(_context: Any, array: Any, lanes: Any) -> Any:
    """Return a vector of zeros, of the type of the array's numbers."""
    vector = Vector(array.dtype, len(lanes))

    def generate(_c: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return ir.Constant(_llvm(vector), [0.0] * vector.lanes)

    return vector(array, lanes), generate


def _make_add_product(_context: Any, total: Any, factor: Any, vector: Any) -> Any:
    """Return ``total + factor * vector``, the factor a number."""

    def generate(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        start, number, row = arguments
        one = builder.insert_element(ir.Constant(row.type, ir.Undefined), number, _INT(0))
        mask = ir.Constant(ir.VectorType(_INT, vector.lanes), [0] * vector.lanes)
        factors = builder.shuffle_vector(one, one, mask)
        return builder.fadd(start, builder.fmul(factors, row, flags=_FLAGS), flags=_FLAGS)

    return total(total, total.dtype, vector), generate


def _make_dot(_context: Any, one: Any, other: Any) -> Any:
    """Return the sum of the products of two vectors' numbers."""

    def generate(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        product = builder.fmul(*arguments, flags=_FLAGS)
        if one.lanes == 1:
            return builder.extract_element(product, _INT(0))
        number = product.type.element
        kind = ir.FunctionType(number, [number, product.type])
        name = f"llvm.vector.reduce.fadd.v{one.lanes}f{one.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        return builder.call(function, [number(0.0), product], fastmath=_FLAGS)

    return one.dtype(one, other), generate


def _make_prefetch(_context: Any, array: Any, position: Any) -> Any:
    """Ask for the cache line that holds ``array[position]``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments)
        address = builder.bitcast(address, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [address.type, _INT, _INT, _INT])
        function = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(function, [address, _INT(0), _INT(3), _INT(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


load: Any = intrinsic(_make_load)
store: Any = intrinsic(_make_store)
zeros: Any = intrinsic(_make_zeros)
add_product: Any = intrinsic(_make_add_product)
dot: Any = intrinsic(_make_dot)
prefetch: Any = intrinsic(_make_prefetch)


@kernel
def dot_rows(one, first, other, second, width, lanes):  # type: ignore[no-untyped-def]
    """Return the sum of the products of two rows, that begin at ``first`` and ``second``."""
    total = one.dtype.type(0)
    for c in range(0, width, len(lanes)):
        total += dot(load(one, first + c, lanes), load(other, second + c, lanes))
    return total


@kernel
def add_row(flat, first, factor, other, second, width, lanes):  # type: ignore[no-untyped-def]
    """Add ``factor`` times the row of another array that begins at ``second`` to that at ``first``."""
    for c in range(0, width, len(lanes)):
        total = add_product(load(flat, first + c, lanes), factor, load(other, second + c, lanes))
        store(flat, first + c, total)
