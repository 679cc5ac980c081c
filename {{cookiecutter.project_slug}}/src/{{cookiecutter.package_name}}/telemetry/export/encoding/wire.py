"""The wire format of protobuf: protobuf.dev/programming-guides/encoding.

A message is a sequence of fields. A field is a tag, which holds its number and its wire type, and
a content. A field that has its default value is left out.
"""

from importlib import import_module
from struct import Struct
from typing import Any

TYPES: Any = import_module("google.protobuf.descriptor").FieldDescriptor  # it has no types

ONE_BYTE = [bytes([number]) for number in range(0x80)]


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


def delimited(content: bytes) -> bytes:
    """Return content after its length."""
    return varint(len(content)) + content


fixed32 = Struct("<I").pack
fixed64 = Struct("<Q").pack
double = Struct("<d").pack

# How the content of a field is encoded, by the type that its .proto file gives it.
ENCODERS: dict[int, Any] = {
    TYPES.TYPE_BOOL: varint,
    TYPES.TYPE_ENUM: varint,
    TYPES.TYPE_INT64: varint,
    TYPES.TYPE_UINT32: varint,
    TYPES.TYPE_FIXED32: fixed32,
    TYPES.TYPE_FIXED64: fixed64,
    TYPES.TYPE_DOUBLE: double,
    TYPES.TYPE_STRING: delimited,
    TYPES.TYPE_BYTES: delimited,
    TYPES.TYPE_MESSAGE: bytes,  # as it is: a Message returns it after its length
}
WIRE_TYPES = {
    varint: 0,
    fixed64: 1,
    double: 1,
    delimited: 2,
    bytes: 2,
    fixed32: 5,
}


class Message:
    """Encodes messages of one type.

    It is made from protobuf's class of the message, which knows the fields' numbers and types.
    """

    def __init__(self, message_class: Any):
        self._fields: dict[str, Any] = {}
        for field in message_class.DESCRIPTOR.fields:
            encode = ENCODERS.get(field.type)
            if not encode:  # a release may bring fields that are not used here
                continue
            tag = varint(field.number << 3 | WIRE_TYPES[encode])
            if field.is_repeated:
                encode = tag.join
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
        content: bytes = encode(value)
        return tag + content
