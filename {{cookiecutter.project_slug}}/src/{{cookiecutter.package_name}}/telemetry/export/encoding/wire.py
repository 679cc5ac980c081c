"""The wire format of protobuf: protobuf.dev/programming-guides/encoding.

A message is a sequence of fields. A field is a tag, which holds its number and its wire type, and
a content. A field that has its default value is left out.
"""

from collections.abc import Callable
from importlib import import_module
from struct import Struct
from typing import Any

TYPES: Any = import_module("google.protobuf.descriptor").FieldDescriptor  # it has no types

ONE_BYTE = [bytes([number]) for number in range(0x80)]


def varint(number: int) -> bytes:
    """Return an integer, seven bits a byte, lowest first; the eighth says that more follow."""
    if 0 <= number < 0x80:
        return ONE_BYTE[number]
    number &= 0xFFFF_FFFF_FFFF_FFFF  # a negative number is its 64-bit two's complement
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def delimited(content: bytes) -> bytes:
    """Return content after its length."""
    return varint(len(content)) + content


Encode = Callable[[Any], bytes]

# The wire type and the encoder of each type of a .proto file; all others are varints.
VARINT: tuple[int, Encode] = (0, varint)
CONTENTS: dict[int, tuple[int, Encode]] = {
    TYPES.TYPE_FIXED64: (1, Struct("<Q").pack),
    TYPES.TYPE_DOUBLE: (1, Struct("<d").pack),
    TYPES.TYPE_STRING: (2, delimited),
    TYPES.TYPE_BYTES: (2, delimited),
    TYPES.TYPE_MESSAGE: (2, bytes),  # a Message has put the length before it
    TYPES.TYPE_FIXED32: (5, Struct("<I").pack),
}


class Message:
    """Encodes messages of one type.

    It is made from protobuf's class of the message, which knows the fields' numbers and types.
    """

    def __init__(self, message_class: Any):
        self._fields: dict[str, tuple[bytes, Encode]] = {}
        for field in message_class.DESCRIPTOR.fields:
            wire_type, encode = CONTENTS.get(field.type, VARINT)
            tag = varint(field.number << 3 | wire_type)
            if field.is_repeated:
                encode = tag.join  # with the tag before it: one tag for each of the values
            self._fields[field.name] = (tag, encode)

    def __call__(self, **values: Any) -> bytes:
        """Return a message after its length. What is empty, 0 or None is left out.

        Give texts in UTF-8, and messages as another Message returns them.
        """
        encoded = []
        for name, value in values.items():
            if value:
                tag, encode = self._fields[name]
                encoded.append(tag + encode(value))
        return delimited(b"".join(encoded))

    def field(self, name: str, value: Any) -> bytes:
        """Return one field, also if it has its default value."""
        tag, encode = self._fields[name]
        return tag + encode(value)
