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
        factors = _spread(builder, number, vector.lanes)
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


def _make_spread(_context: Any, array: Any, number: Any, lanes: Any) -> Any:
    """Return a vector of one number, of the type of the array's."""
    vector = Vector(array.dtype, len(lanes))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _spread(builder, context.cast(builder, arguments[1], number, array.dtype), vector.lanes)

    return vector(array, number, lanes), generate


def _spread(builder: Any, number: Any, lanes: int) -> Any:
    kind = ir.VectorType(number.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_INT, lanes), [0] * lanes))


def _elementwise(name: str, describe: str) -> Any:
    """Return an intrinsic that applies an operation of LLVM's to two vectors."""

    def make(_context: Any, one: Any, other: Any) -> Any:
        def generate(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments, flags=_FLAGS)

        return one(one, other), generate

    make.__doc__ = describe
    return intrinsic(make)


def _make_choose(_context: Any, sign: Any, positive: Any, other: Any) -> Any:
    """Return the numbers of the second vector where those of the first are above 0, else of the third."""

    def generate(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        above = builder.fcmp_ordered(">", arguments[0], _constant(arguments[0].type, 0.0))
        return builder.select(above, *arguments[1:])

    return positive(sign, positive, other), generate


def _make_larger(_context: Any, one: Any, other: Any) -> Any:
    """Return the larger numbers of two vectors, the first's where the second's are not comparable."""

    def generate(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *arguments), arguments[1], arguments[0])

    return one(one, other), generate


def _make_exp(_context: Any, vector: Any) -> Any:
    """Return the exponentials of a vector's numbers, which are 0 at most."""

    def generate(_c: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        (x,) = arguments
        if vector.dtype == types.float32:
            return _exp_single(builder, x)
        kind = x.type.element
        name = f"llvm.exp.f{vector.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name)  # type: ignore[no-untyped-call]
        result = ir.Constant(x.type, ir.Undefined)
        for lane in range(vector.lanes):
            one = builder.call(function, [builder.extract_element(x, _INT(lane))])
            result = builder.insert_element(result, one, _INT(lane))
        return result

    return vector(vector), generate


# The coefficients of Cephes' expf, by S. Moshier, for |r| <= ln(2) / 2; below the least, the result is 0.
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_LEAST = -87.0
_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.44269504088896341, 0.693359375, -2.12194440e-4


def _exp_single(builder: Any, x: Any) -> Any:
    """Return e^x = 2^n e^r in float32, n whole: 2^n by its bits and e^r by a polynomial."""
    kind, lanes = x.type, x.type.count
    whole = ir.VectorType(_INT, lanes)

    def times(a: Any, b: Any, c: Any) -> Any:
        """Return a * b + c, which may become one instruction; its parts must not be put in another order."""
        return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    far = builder.fcmp_ordered("<", x, _constant(kind, _LEAST))
    near = builder.select(far, _constant(kind, _LEAST), x)
    name = f"llvm.rint.v{lanes}f32"
    rint = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name)  # type: ignore[no-untyped-call]
    n = builder.call(rint, [builder.fmul(near, _constant(kind, _LOG2_E))])
    r = times(n, _constant(kind, -_LN2_LOW), times(n, _constant(kind, -_LN2_HIGH), near))
    p = _constant(kind, _EXP[0])
    for coefficient in _EXP[1:]:
        p = times(p, r, _constant(kind, coefficient))
    p = builder.fadd(times(p, builder.fmul(r, r), r), _constant(kind, 1.0))
    bits = builder.shl(
        builder.add(builder.fptosi(n, whole), ir.Constant(whole, [127] * lanes)),
        ir.Constant(whole, [23] * lanes),
    )
    return builder.select(far, _constant(kind, 0.0), builder.fmul(p, builder.bitcast(bits, kind)))


def _constant(kind: Any, number: float) -> Any:
    return ir.Constant(kind, [number] * kind.count)


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
spread: Any = intrinsic(_make_spread)
choose: Any = intrinsic(_make_choose)
larger: Any = intrinsic(_make_larger)
exp: Any = intrinsic(_make_exp)
add: Any = _elementwise("fadd", "Return the sums of two vectors' numbers.")
subtract: Any = _elementwise("fsub", "Return the differences of two vectors' numbers.")
multiply: Any = _elementwise("fmul", "Return the products of two vectors' numbers.")
divide: Any = _elementwise("fdiv", "Return the quotients of two vectors' numbers.")


@kernel
def dot_rows(one, first, other, second, width, lanes):  # type: ignore[no-untyped-def]
    """Return the sum of the products of two rows, that begin at ``first`` and ``second``."""
    total = one.dtype.type(0)
    for c in range(0, width, len(lanes)):
        total += dot(load(one, first + c, lanes), load(other, second + c, lanes))
    return total


@kernel
def clear_row(flat, first, width, lanes):  # type: ignore[no-untyped-def]
    """Write 0 to a row that begins at ``first``; its width need be no multiple of the lanes."""
    whole = first + width - width % len(lanes)
    for c in range(first, whole, len(lanes)):
        store(flat, c, zeros(flat, lanes))
    for c in range(whole, first + width):
        flat[c] = 0


@kernel
def add_row(flat, first, factor, other, second, width, lanes):  # type: ignore[no-untyped-def]
    """Add ``factor`` times the row of another array that begins at ``second`` to that at ``first``."""
    for c in range(0, width, len(lanes)):
        total = add_product(load(flat, first + c, lanes), factor, load(other, second + c, lanes))
        store(flat, first + c, total)
