"""Reads lists of integers from the pickle of a NumPy object array, without unpickling it.

A pickle is a program that can call any function. This reader interprets it opcode by opcode. It accepts integers,
lists, tuples and short strings; it recognizes the functions that NumPy names, but never calls them; it rejects
everything else. It also rejects what NumPy does not write: nested lists, unused memory, and batches of more than 1,000
items.
"""

import enum
import pickle
import re
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# The limit of words in all reviews together. IMDB's 25,000 training reviews have 5.9 million.
MAX_WORD_IDS = 10_000_000
# The limit of opcodes. NumPy needs 5 per list, up to 28 per array, and a few more per 1,000 words and 64 KiB.
MAX_OPCODES = 750_000
_OPCODES_PER_LIST = 30

# Python's pickler appends 1,000 items at a time to a list.
_BATCH = 1000
_MAX_STACK = 3 * _BATCH
_NUMBERS = rb"(?:K.|M..|J....)"
_OPCODE = re.compile(
    rb"\((?P<batch>" + _NUMBERS + rb"{1,1000}+)e"
    rb"|(?P<numbers>" + _NUMBERS + rb"{1,1000}+)"
    rb"|(?P<list>\])"
    rb"|(?P<memoize>\x94|q.|r....)"
    rb"|(?P<recall>h.|j....)"
    rb"|(?P<mark>\()"
    rb"|(?P<append>a)"
    rb"|(?P<appends>e)"
    rb"|(?P<tuple>[)\x85\x86\x87t])"
    rb"|(?P<constant>[N\x88\x89])"
    rb"|(?P<string>(?:[U\x8c].|X....))"
    rb"|(?P<bytes>(?:C.|[BT]....))"
    rb"|(?P<call>R)"
    rb"|(?P<build>b)"
    rb"|(?P<frame>\x95........)"
    rb"|(?P<global>c[^\n]{0,200}\n[^\n]{0,200}\n)"
    rb"|(?P<stack_global>\x93)"
    rb"|(?P<protocol>\x80[\x02-\x05])"
    rb"|(?P<stop>\.)",
    re.DOTALL,
)
_PLAIN_TYPE = re.compile(r"[iu][1248]")


class _Function(enum.Enum):
    """The functions and types that NumPy names in a pickle."""

    RECONSTRUCT = enum.auto()
    NDARRAY = enum.auto()
    DTYPE = enum.auto()
    ENCODE = enum.auto()
    BYTES = enum.auto()


_FUNCTIONS = {
    ("numpy.core.multiarray", "_reconstruct"): _Function.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _Function.RECONSTRUCT,
    ("numpy", "ndarray"): _Function.NDARRAY,
    ("numpy", "dtype"): _Function.DTYPE,
    # Protocol 2 writes bytes, and empty bytes, with these.
    ("_codecs", "encode"): _Function.ENCODE,
    ("__builtin__", "bytes"): _Function.BYTES,
}


class _Mark(enum.Enum):
    MARK = enum.auto()


class _Row:
    """A review as a range of all words read so far; `start` and `end` are -1 for an incomplete array.

    The outermost array is also a row, and keeps -1.
    """

    __slots__ = ("end", "is_list", "start")

    def __init__(self, start: int, *, is_list: bool) -> None:
        self.start = self.end = start
        self.is_list = is_list


class _Type:
    """A NumPy type: its code, and its byte order, which follows later in the pickle."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, ""


class Lists(NamedTuple):
    """Lists of integers.

    Attributes:
        numbers: int32, shape (total,): the concatenated lists.
        lengths: int64, shape (n,): the length of each list.
    """

    numbers: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int64]


def read_lists(content: bytes, start: int, count: int) -> Lists:
    """Read a pickled array of lists, or of arrays, of integers.

    Args:
        content: bytes that end with the pickle.
        start: the position of the pickle.
        count: the required number of lists.

    Raises:
        ValueError: the pickle contains anything else, or an integer needs more than 32 bits.
    """
    return _Reader(content, start, count).read()


class _Reader:
    """Interprets one pickle. Each group of `_OPCODE` has a method of the same name."""

    def __init__(self, content: bytes, start: int, count: int) -> None:
        self.content, self.position, self.count = content, start, count
        self.first = start
        self.frame_end: int | None = None  # the end of the last frame; protocols 2 and 3 have no frames
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.words = array("i")
        self.rows: list[_Row] | None = None  # the list of all reviews, after its start
        self.outermost: _Row | None = None  # the outermost array, once it is complete

    def read(self) -> Lists:
        """Interpret the pickle to its end."""
        actions: dict[int, Callable[[bytes], None]] = {
            index: getattr(self, f"_{name}") for name, index in _OPCODE.groupindex.items() if name != "stop"
        }
        steps = min(200 + _OPCODES_PER_LIST * self.count + len(self.content) // 100, MAX_OPCODES)
        try:
            for _ in range(steps):
                opcode = _OPCODE.match(self.content, self.position)
                if opcode is None or opcode.lastindex is None:
                    break
                self.position = opcode.end()
                if opcode.lastgroup == "stop":
                    return self._result()
                actions[opcode.lastindex](opcode[opcode.lastindex])
                if len(self.stack) > _MAX_STACK:
                    break
            else:
                msg = f"a pickle of more than {steps:,} opcodes"
                raise ValueError(msg)
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, UnicodeError):
            pass  # the stack does not have what the opcode needs
        raise self._refusal()

    def _refusal(self) -> ValueError:
        return ValueError(f"a review that is not a list of whole numbers, at byte {self.position:,} of the pickle")

    def _result(self) -> Lists:
        complete = self.outermost is not None and self.stack == [self.outermost]
        if not complete or self.position != len(self.content) or self.frame_end not in (None, self.position):
            raise self._refusal()
        starts, ends = (
            np.array([getattr(row, name) for row in self.rows or []], np.int64) for name in ("start", "end")
        )
        if not (starts >= 0).all():
            raise self._refusal()
        lengths = ends - starts
        words = np.frombuffer(self.words, np.int32)
        total = int(lengths.sum())
        if total > MAX_WORD_IDS:
            raise self._too_many(total)
        # A row that occurs twice is stored once, and empty rows have no position.
        in_order = np.cumsum(lengths)
        if total != len(words) or not np.array_equal(ends[lengths > 0], in_order[lengths > 0]):
            words = words[np.repeat(ends - in_order, lengths) + np.arange(total)]
        return Lists(words, lengths)

    def _too_many(self, words: int) -> ValueError:
        return ValueError(f"{words:,} words or more; the limit is {MAX_WORD_IDS:,}")

    def _from_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _Mark.MARK:
            place -= 1
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def _extend(self, items: list[Any]) -> None:
        """Append to the list on top of the stack."""
        target = self.stack[-1]
        if target is self.rows:
            if not all(isinstance(item, _Row) for item in items) or len(self.rows) + len(items) > self.count:
                raise self._refusal()
            self.rows.extend(items)
            return
        # A list must be complete before the next one begins.
        if not isinstance(target, _Row) or not target.is_list or target.end != len(self.words):
            raise self._refusal()
        self.words.fromlist(items)
        target.end = len(self.words)
        if target.end > MAX_WORD_IDS:
            raise self._too_many(target.end)

    def _protocol(self, opcode: bytes) -> None:
        if self.position != self.first + len(opcode):
            raise self._refusal()

    def _frame(self, opcode: bytes) -> None:
        """Check that a frame follows the previous one without a gap, and does not exceed the content."""
        length = int.from_bytes(opcode[1:], "little")
        if self.frame_end not in (None, self.position - len(opcode)) or length > len(self.content) - self.position:
            raise self._refusal()
        self.frame_end = self.position + length

    def _batch(self, numbers: bytes) -> None:
        self._extend(_whole_numbers(numbers))

    def _numbers(self, numbers: bytes) -> None:
        self.stack += _whole_numbers(numbers)

    def _list(self, _: bytes) -> None:
        if self.rows is None:
            self.rows = []
            self.stack.append(self.rows)
        else:
            self.stack.append(_Row(len(self.words), is_list=True))

    def _memoize(self, opcode: bytes) -> None:
        if self.stack[-1] is _Mark.MARK:
            raise self._refusal()
        self.memo[len(self.memo) if len(opcode) == 1 else int.from_bytes(opcode[1:], "little")] = self.stack[-1]

    def _recall(self, opcode: bytes) -> None:
        self.stack.append(self.memo[int.from_bytes(opcode[1:], "little")])

    def _mark(self, _: bytes) -> None:
        self.stack.append(_Mark.MARK)

    def _append(self, _: bytes) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: bytes) -> None:
        self._extend(self._from_mark())

    def _tuple(self, opcode: bytes) -> None:
        if opcode == b"t":
            items = self._from_mark()
        else:
            place = len(self.stack) - b")\x85\x86\x87".index(opcode)
            items = self.stack[place:]
            del self.stack[place:]
        self.stack.append(tuple(items))

    def _constant(self, _: bytes) -> None:
        # The value is not needed: the type and the shape describe an array's memory.
        self.stack.append(None)

    def _payload(self, length: bytes) -> memoryview:
        start = self.position
        self.position += int.from_bytes(length, "little")
        if self.position > len(self.content):
            raise self._refusal()
        return memoryview(self.content)[start : self.position]

    def _string(self, opcode: bytes) -> None:
        text = str(self._payload(opcode[1:]), "utf-8")
        # NumPy's names are ASCII, and bytes in protocol 2 are Latin-1, so a character takes one byte of memory.
        text.encode("latin-1")
        self.stack.append(text)

    def _bytes(self, opcode: bytes) -> None:
        outside = self.position - len(opcode) == self.frame_end
        self.stack.append(self._payload(opcode[1:]))
        if outside:  # Python's pickler writes bytes that are longer than a frame outside of frames
            self.frame_end = self.position

    def _global(self, opcode: bytes) -> None:
        module, name, _ = opcode[1:].decode("latin-1").split("\n")
        self._name(module, name)

    def _stack_global(self, _: bytes) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        if (module, name) not in _FUNCTIONS:
            msg = f"a pickle that wants to run {module}.{name}; it was not run"
            raise ValueError(msg)
        self.stack.append(_FUNCTIONS[module, name])

    def _call(self, _: bytes) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        match function, arguments:
            case _Function.RECONSTRUCT, (_Function.NDARRAY, (0,), b"b" | "b"):
                self.stack.append(_Row(-1, is_list=False))
            case _Function.DTYPE, (str(code), _, _):
                self.stack.append(_Type(code))
            case _Function.ENCODE, (str(text), "latin1"):
                self.stack.append(text.encode("latin-1"))
            case _Function.BYTES, ():
                self.stack.append(b"")
            case _:
                raise self._refusal()

    def _build(self, _: bytes) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        match target, state:
            case _Type(), (3, str(order), None, None, None, -1, -1, int()):
                target.order = order
            case _Row(is_list=False), (1, (int(length),), _Type() as kind, _, content):
                self._fill(target, length, kind, content)
            case _:
                raise self._refusal()

    def _fill(self, target: _Row, length: int, kind: _Type, content: Any) -> None:
        """Complete an array: the outermost one, or an array of integers."""
        if content is self.rows and kind.code in ("O4", "O8") and length == self.count == len(self.rows):
            self.outermost = target
            return
        if (
            not isinstance(content, bytes | memoryview)
            or not _PLAIN_TYPE.fullmatch(kind.code)
            or kind.order not in "<>|"
        ):
            raise self._refusal()
        dtype = np.dtype(kind.order + kind.code)
        if len(content) != length * dtype.itemsize:
            raise self._refusal()
        numbers = np.frombuffer(content, dtype)
        if len(self.words) + length > MAX_WORD_IDS:
            raise self._too_many(len(self.words) + length)
        if length and not -(1 << 31) <= int(numbers.min()) <= int(numbers.max()) < 1 << 31:
            raise self._refusal()
        target.start = len(self.words)
        self.words.frombytes(numbers.astype(np.int32).tobytes())
        target.end = len(self.words)


def _whole_numbers(opcodes: bytes) -> list[int]:
    """Decode opcodes that only push integers."""
    if len(opcodes) == 2:  # a single byte; faster than a call
        return [opcodes[1]]
    numbers: list[int] = pickle.loads(b"(" + opcodes + b"l.")  # noqa: S301 (only opcodes that `_NUMBERS` matches)
    return numbers
