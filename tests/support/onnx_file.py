"""Small ONNX models written byte by byte: no package for that is needed. Source: onnx.proto, opset 13.

One convolution over the whole picture gives each output a weighted sum of the mean brightness, and a reshape
lays the sums out as a detector would.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIDE = 32
_FLOAT, _INT64 = 1, 7


def brightness_model(rows: Sequence[tuple[float, float]], shape: Sequence[int], *, side: int = SIDE) -> bytes:
    """A model (1, 3, side, side) to ``shape``: output n is ``bias + weight * mean brightness``, 0 to 1."""
    biases = np.array([bias for bias, _ in rows], np.float32)
    each = np.array([weight for _, weight in rows], np.float32) / (3 * side * side)
    weights = np.broadcast_to(each[:, None, None, None], (len(rows), 3, side, side))
    graph = b"".join(
        (
            _node("Conv", ("picture", "w", "b"), "sums", _ints("kernel_shape", (side, side))),
            _node("Reshape", ("sums", "shape"), "boxes"),
            _text(2, "brightness"),
            _part(5, _tensor("w", weights.shape, np.ascontiguousarray(weights).tobytes(), _FLOAT)),
            _part(5, _tensor("b", biases.shape, biases.tobytes(), _FLOAT)),
            _part(5, _tensor("shape", (len(shape),), np.array(shape, np.int64).tobytes(), _INT64)),
            _part(11, _value("picture", (1, 3, side, side))),
            _part(12, _value("boxes", shape)),
        )
    )
    return _number(1, 8) + _part(7, graph) + _part(8, _text(1, "") + _number(2, 13))


def _node(kind: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    names = b"".join(_text(1, name) for name in inputs)
    rest = b"".join(_part(5, attribute) for attribute in attributes)
    return _part(1, names + _text(2, output) + _text(3, output) + _text(4, kind) + rest)


def _ints(name: str, values: Sequence[int]) -> bytes:
    return _text(1, name) + b"".join(_number(8, value) for value in values) + _number(20, 7)


def _tensor(name: str, dims: Sequence[int], raw: bytes, kind: int) -> bytes:
    return b"".join(_number(1, dim) for dim in dims) + _number(2, kind) + _text(8, name) + _part(9, raw)


def _value(name: str, dims: Sequence[int]) -> bytes:
    shape = b"".join(_part(1, _number(1, dim)) for dim in dims)
    return _text(1, name) + _part(2, _part(1, _number(1, _FLOAT) + _part(2, shape)))


def _part(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _text(field: int, value: str) -> bytes:
    return _part(field, value.encode())


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
