"""The wire format of protobuf: protobuf.dev/programming-guides/encoding.

A message is a sequence of fields. A field begins with a tag, which holds its number and its wire
type. A field that has its default value is left out. Inside another message, a message and a text
come after their length.
"""

import struct
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

TYPES: Any = import_module("google.protobuf.descriptor").FieldDescriptor  # it has no types

ONE_BYTE = [bytes([number]) for number in range(0x80)]


class Message:
    """Encodes messages of one type.

    It is made from protobuf's class of the message, which knows the fields' numbers and types.
    """

    def __init__(self, message_class: Any):
        self._writers = {}
        for field in message_class.DESCRIPTOR.fields:
            if field.type not in WRITERS:  # a release may bring fields that are not used here
                continue
            write = WRITERS[field.type]
            if field.is_repeated:
                write = _repeated
            tag = varint(field.number << 3 | WIRE_TYPES[write])
            self._writers[field.name] = partial(write, tag)

    def __call__(self, **values: Any) -> bytes:
        """Return a message after its length. What is empty, 0 or None is left out.

        Give texts in UTF-8, and messages as another Message returns them.
        """
        writers = self._writers
        fields = [writers[name](value) for name, value in values.items() if value]
        return delimited(b"".join(fields))

    def field(self, name: str, value: Any) -> bytes:
        """Return one field, also if it has its default value."""
        return self._writers[name](value)


def delimited(content: bytes) -> bytes:
    """Return content after its length."""
    return varint(len(content)) + content


def varint(number: int) -> bytes:
    """Return an integer seven bits a byte, the lowest first; the eighth says that more follow."""
    if 0 <= number < 0x80:
        return ONE_BYTE[number]
    number &= 0xFFFF_FFFF_FFFF_FFFF  # a negative number is its 64-bit two's complement
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _varint(tag: bytes, value: int) -> bytes:
    return tag + varint(value)


def _fixed64(tag: bytes, value: int) -> bytes:
    return tag + value.to_bytes(8, "little")


def _double(tag: bytes, value: float) -> bytes:
    return tag + struct.pack("<d", value)


def _delimited(tag: bytes, value: bytes) -> bytes:
    return tag + varint(len(value)) + value


def _message(tag: bytes, value: bytes) -> bytes:
    return tag + value


def _repeated(tag: bytes, values: Sequence[bytes]) -> bytes:
    if not values:
        return b""
    return tag + tag.join(values)


def _fixed32(tag: bytes, value: int) -> bytes:
    return tag + value.to_bytes(4, "little")


Writer = Callable[[bytes, Any], bytes]
WRITERS: dict[int, Writer] = {
    TYPES.TYPE_BOOL: _varint,
    TYPES.TYPE_ENUM: _varint,
    TYPES.TYPE_INT64: _varint,
    TYPES.TYPE_UINT32: _varint,
    TYPES.TYPE_FIXED64: _fixed64,
    TYPES.TYPE_DOUBLE: _double,
    TYPES.TYPE_STRING: _delimited,
    TYPES.TYPE_BYTES: _delimited,
    TYPES.TYPE_MESSAGE: _message,
    TYPES.TYPE_FIXED32: _fixed32,
}
WIRE_TYPES: dict[Writer, int] = {
    _varint: 0,
    _fixed64: 1,
    _double: 1,
    _delimited: 2,
    _message: 2,
    _repeated: 2,
    _fixed32: 5,
}
