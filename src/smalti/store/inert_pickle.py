"""Numbers out of a pickle, without unpickling: its opcodes are walked, nothing is ever imported or called.

A pickle is a program. The few steps that numpy writes for an array of numbers are followed here by hand: names such as
`numpy.ndarray` stay words, and "calling" one of the six that numpy needs makes plain data. Any other step or name is
refused. Steps are counted, and an array is never larger than the bytes that lie in the file for it, so neither time
nor memory can be asked for by a claim.
"""

import math
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np

_MOST_STEPS = 2000  # numpy takes about 150 for a .dac file
_MOST_AXES = 8
_KINDS = frozenset({"b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"})
_OBJECT = frozenset({"O8", "O4", "O"})
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_Value = Any


class PickleRefused(Exception):
    """A pickle that wants more than numbers, strings and dicts; says what, in a few words."""


@dataclass(frozen=True, slots=True)
class _Name:
    """Something that the pickle would import: here a word."""

    module: str
    name: str


@dataclass(slots=True)
class _Kind:
    """A kind of number, as "u2"; its byte order comes in a step of its own."""

    code: str
    order: str = "="

    def numpy(self) -> np.dtype:
        """The dtype of numbers.

        Raises:
            PickleRefused: if it is another one.
        """
        if self.code not in _KINDS:
            raise PickleRefused(f"holds an array of kind {self.code[:8]!r}")
        return np.dtype(self.order.replace("|", "=") + self.code)


@dataclass(slots=True)
class InertArray:
    """An array out of a pickle.

    Attributes:
        numbers: what it holds, read-only; None before it was filled, or if it holds objects.
        item: the one object of an array of objects without axes.
    """

    numbers: np.ndarray | None = None
    item: _Value = None


@dataclass(slots=True)
class _Machine:
    """What a pickle works on: a stack, the places of marks in it, and a memo.

    Attributes:
        room: bytes that calls may still make, as many as the file has: else a text could be encoded again and again.
    """

    room: int
    stack: list[_Value] = field(default_factory=list[_Value])
    marks: list[int] = field(default_factory=list[int])
    memo: dict[int, _Value] = field(default_factory=dict[int, _Value])

    def pop(self) -> _Value:
        """The topmost value above the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise PickleRefused("takes more than it has put down")
        return self.stack.pop()

    def top(self) -> _Value:
        """The topmost value, which stays."""
        value = self.pop()
        self.stack.append(value)
        return value

    def pop_many(self, count: int) -> tuple[_Value, ...]:
        """The topmost values in the order in which they came."""
        return tuple(reversed([self.pop() for _ in range(count)]))

    def pop_marked(self) -> tuple[_Value, ...]:
        """All above the last mark, and the mark."""
        if not self.marks:
            raise PickleRefused("ends a group that never began")
        begin = self.marks.pop()
        values = tuple(self.stack[begin:])
        del self.stack[begin:]
        return values


def read_inert(data: bytes) -> _Value:
    """The value of a pickle of numpy arrays, strings, numbers, tuples, lists and dicts, protocols 2 to 5.

    Arrays come as `InertArray`. Values may hold themselves and may be shared as often as the pickle likes: look only
    as deep as you mean to.

    Raises:
        PickleRefused: if it wants anything else, is cut, or goes on after its end.
    """
    machine, source = _Machine(len(data)), BytesIO(data)
    try:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(source)):
            if step >= _MOST_STEPS:
                raise PickleRefused(f"takes more than {_MOST_STEPS} steps")
            if opcode.name == "STOP":
                break
            if opcode.name not in _STEPS:
                raise PickleRefused(f"takes the step {opcode.name}")
            _STEPS[opcode.name](machine, argument)
    except (ValueError, OverflowError, MemoryError):
        raise PickleRefused("is cut or no pickle") from None
    if source.read(1):
        raise PickleRefused("goes on after its end")
    if len(machine.stack) != 1 or machine.marks:
        raise PickleRefused("ends with more or less than one value")
    return machine.stack[0]


def _push(machine: _Machine, value: _Value) -> None:
    machine.stack.append(value)


def _always(make: Callable[[], _Value]) -> Callable[[_Machine, _Value], None]:
    return lambda machine, _: machine.stack.append(make())


def _tuple(count: int) -> Callable[[_Machine, _Value], None]:
    return lambda machine, _: machine.stack.append(machine.pop_many(count))


def _mark(machine: _Machine, _: _Value) -> None:
    machine.marks.append(len(machine.stack))


def _marked_tuple(machine: _Machine, _: _Value) -> None:
    machine.stack.append(machine.pop_marked())


def _append(machine: _Machine, _: _Value) -> None:
    _extend(machine, machine.pop_many(1))


def _appends(machine: _Machine, _: _Value) -> None:
    _extend(machine, machine.pop_marked())


def _extend(machine: _Machine, values: tuple[_Value, ...]) -> None:
    target = machine.top()
    if type(target) is not list:
        raise PickleRefused("appends to what is no list")
    target.extend(values)


def _set_item(machine: _Machine, _: _Value) -> None:
    _update(machine, machine.pop_many(2))


def _set_items(machine: _Machine, _: _Value) -> None:
    _update(machine, machine.pop_marked())


def _update(machine: _Machine, values: tuple[_Value, ...]) -> None:
    target, names = machine.top(), values[::2]
    # a key that is a tuple of tuples of … could take for ever to hash
    if type(target) is not dict or len(values) % 2 or any(type(name) is not str for name in names):
        raise PickleRefused("fills what is no dict of names")
    target.update(zip(names, values[1::2], strict=True))


def _remember(machine: _Machine, place: int) -> None:
    machine.memo[place] = machine.top()


def _remember_next(machine: _Machine, _: _Value) -> None:
    _remember(machine, len(machine.memo))


def _recall(machine: _Machine, place: int) -> None:
    if place not in machine.memo:
        raise PickleRefused("recalls what it never remembered")
    machine.stack.append(machine.memo[place])


def _global(machine: _Machine, words: str) -> None:
    machine.stack.append(_named(*words.partition(" ")[::2]))


def _stack_global(machine: _Machine, _: _Value) -> None:
    machine.stack.append(_named(*machine.pop_many(2)))


def _named(module: _Value, name: _Value) -> _Name:
    if type(module) is not str or type(name) is not str or _Name(module, name) not in _CALLS:
        said = f"{module}.{name}"[:60] if type(module) is type(name) is str else "something without a name"
        raise PickleRefused(f"asks for {said}")
    return _Name(module, name)


def _reduce(machine: _Machine, _: _Value) -> None:
    called, given = machine.pop_many(2)
    if not isinstance(called, _Name) or type(given) is not tuple:
        raise PickleRefused("calls what is no name")
    try:
        made = _CALLS[called](*given)
    except TypeError:
        raise PickleRefused(f"calls {called.name} as numpy never does") from None
    machine.room -= len(made) if type(made) is bytes else 0
    if machine.room < 0:
        raise PickleRefused("makes more bytes than it has")
    machine.stack.append(made)


def _kind(code: _Value, align: _Value = False, copy: _Value = True) -> _Kind:
    if type(code) is not str or code not in _KINDS | _OBJECT:
        raise PickleRefused(f"asks for numbers of the kind {code[:8] if type(code) is str else type(code).__name__!r}")
    return _Kind(code)


def _empty(kind: _Value, shape: _Value, code: _Value) -> InertArray:
    if kind != _Name("numpy", "ndarray"):
        raise PickleRefused("makes something else than an array")
    return InertArray()


def _scalar(kind: _Value, data: _Value) -> _Value:
    return _numbers(data, kind, (), column_major=False).item()


def _from_buffer(data: _Value, kind: _Value, shape: _Value, order: _Value) -> InertArray:
    return InertArray(_numbers(data, kind, shape, column_major=order == "F"))


def _encoded(text: _Value, code: _Value) -> bytes:
    """Bytes as protocol 2 writes them, which has none."""
    if type(text) is not str or type(code) is not str or code not in ("latin1", "latin-1"):
        raise PickleRefused("encodes text in an unknown way")
    return text.encode("latin-1")


def _never(*given: _Value) -> _Value:
    raise PickleRefused("makes an array in a way that numpy never does")


def _build(machine: _Machine, _: _Value) -> None:
    state = machine.pop()
    target = machine.top()
    if type(state) is not tuple:
        raise PickleRefused("fills something with what is no tuple")
    if isinstance(target, _Kind) and len(state) >= 2 and type(state[1]) is str and state[1] in ("<", ">", "|", "="):
        target.order = state[1]
    elif isinstance(target, InertArray) and len(state) == 5:
        _fill(target, state)
    else:
        raise PickleRefused("fills something else than an array")


def _fill(array: InertArray, state: tuple[_Value, ...]) -> None:
    _, shape, kind, column_major, data = state
    if isinstance(kind, _Kind) and kind.code in _OBJECT:
        if type(shape) is not tuple or shape or type(data) is not list or len(data) != 1:
            raise PickleRefused("holds more than one object")
        array.item = data[0]
    else:
        array.numbers = _numbers(data, kind, shape, column_major=column_major is True)


def _numbers(data: _Value, kind: _Value, shape: _Value, *, column_major: bool) -> np.ndarray:
    """An array over bytes of the file; its shape has to be exactly theirs."""
    if not isinstance(kind, _Kind) or type(data) not in (bytes, bytearray) or type(shape) is not tuple:
        raise PickleRefused("makes an array of something else than numbers")
    if len(shape) > _MOST_AXES or not all(type(axis) is int and axis >= 0 for axis in shape):
        raise PickleRefused("makes an array of no possible shape")
    dtype = kind.numpy()
    wanted = math.prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise PickleRefused(f"claims {wanted} bytes for an array, {len(data)} are there")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if column_major else "C")
    array.flags.writeable = False
    return array


_CALLS: Mapping[_Name, Callable[..., _Value]] = {
    _Name("numpy", "ndarray"): _never,
    _Name("numpy", "dtype"): _kind,
    _Name("_codecs", "encode"): _encoded,
    **{_Name(module, "_reconstruct"): _empty for module in _MULTIARRAY},
    **{_Name(module, "scalar"): _scalar for module in _MULTIARRAY},
    **{_Name(module, "_frombuffer"): _from_buffer for module in _NUMERIC},
}
_PUSHED = (
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "BYTEARRAY8"),
)
_STEPS: Mapping[str, Callable[[_Machine, _Value], None]] = {
    "PROTO": lambda machine, protocol: None,
    "FRAME": lambda machine, length: None,
    **dict.fromkeys(_PUSHED, _push),
    "NONE": _always(lambda: None),
    "NEWTRUE": _always(lambda: True),
    "NEWFALSE": _always(lambda: False),
    "EMPTY_TUPLE": _always(tuple[()]),
    "EMPTY_LIST": _always(list[_Value]),
    "EMPTY_DICT": _always(dict[str, _Value]),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "MARK": _mark,
    "TUPLE": _marked_tuple,
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "BINPUT": _remember,
    "LONG_BINPUT": _remember,
    "MEMOIZE": _remember_next,
    "BINGET": _recall,
    "LONG_BINGET": _recall,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "BUILD": _build,
}
