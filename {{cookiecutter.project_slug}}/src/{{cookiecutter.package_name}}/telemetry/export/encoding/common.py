"""What spans and log records share: attributes, and the resource and the scope of an item.

The messages are those of common.proto and resource.proto in opentelemetry/proto.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from .repair import as_text, utf8
from .wire import Message, delimited

ANY_VALUE = Message(common_pb2.AnyValue)
ARRAY_VALUE = Message(common_pb2.ArrayValue)
KEY_VALUE = Message(common_pb2.KeyValue)
KEY_VALUE_LIST = Message(common_pb2.KeyValueList)
RESOURCE = Message(resource_pb2.Resource)
SCOPE = Message(common_pb2.InstrumentationScope)

INT64 = range(-(2**63), 2**63)
SHORT_TEXT = 64  # characters


def key_values(attributes: Any) -> list[bytes]:
    """Return each attribute as a KeyValue."""
    if not attributes:
        return []
    encoded = []
    for key, value in attributes.copy().items():  # a dict is faster than the SDK's mappings
        encode = _repeated_pair if _repeats(value) else _pair
        encoded.append(encode(key, value))
    return encoded


def _repeats(value: Any) -> bool:
    """Return whether a value is likely to come again, such as a route or a status code."""
    if type(value) is str:
        return len(value) < SHORT_TEXT
    return type(value) in (bool, int)


def _pair(key: str, value: Any) -> bytes:
    return KEY_VALUE(
        key=utf8(key, key),
        value=any_value(value, key),
    )


_repeated_pair = lru_cache(maxsize=2048, typed=True)(_pair)


def any_value(value: Any, name: str) -> bytes:
    """Return an AnyValue. `name` says whose value it is."""
    return delimited(_only_field(value, name))


def _only_field(value: Any, name: str) -> bytes:
    """Return the field of AnyValue for the value's type."""
    field = ANY_VALUE.field
    if value is None:
        return b""
    if isinstance(value, bool):
        return field("bool_value", value)
    if isinstance(value, str):
        return field("string_value", utf8(value, name))
    if isinstance(value, int) and value in INT64:
        return field("int_value", value)
    if isinstance(value, float):
        return field("double_value", value)
    if isinstance(value, bytes):
        return field("bytes_value", value)
    return _field_of_many(value, name)


def _field_of_many(value: Any, name: str) -> bytes:
    field = ANY_VALUE.field
    if isinstance(value, Sequence):
        values = [any_value(item, name) for item in value]
        array = ARRAY_VALUE(values=values)
        return field("array_value", array)
    if isinstance(value, Mapping):
        pairs = {str(key): item for key, item in value.items()}
        pair_list = KEY_VALUE_LIST(values=key_values(pairs))
        return field("kvlist_value", pair_list)
    text = as_text(value, name)
    return field("string_value", text)


class Origin(NamedTuple):
    """A resource or a scope."""

    message: bytes
    schema_url: bytes


Groups = dict[Origin, dict[Origin, list[bytes]]]  # items by resource and scope
Encode = Callable[[Any], Any]
Known = dict[int, Origin]  # by the id() of a resource or a scope


def grouped(items: Sequence[Any], encode: Encode) -> Groups:
    """Return a batch's items, encoded and nested as in a request."""
    groups: Groups = {}
    known: Known = {}
    for item in items:
        resource = _once(known, item.resource, _resource)
        scope = _once(known, item.instrumentation_scope, _scope)
        by_scope = groups.setdefault(resource, {})
        of_scope = by_scope.setdefault(scope, [])
        of_scope.append(encode(item))
    return groups


def _once(known: Known, thing: Any, encode: Encode) -> Origin:
    """Encode an object the first time that it comes: a batch has few resources and scopes."""
    identity = id(thing)  # to hash a resource takes as long as to encode it
    if identity not in known:
        known[identity] = encode(thing)
    return known[identity]


def _resource(resource: Any) -> Origin:
    attributes = key_values(resource.attributes)
    return Origin(
        message=RESOURCE(attributes=attributes),
        schema_url=utf8(resource.schema_url, "schema URL"),
    )


def _scope(scope: Any) -> Origin:
    if scope is None:
        return Origin(SCOPE(), b"")
    message = SCOPE(
        name=utf8(scope.name, "scope name"),
        version=utf8(scope.version, "scope version"),
        attributes=key_values(scope.attributes),
    )
    return Origin(
        message=message,
        schema_url=utf8(scope.schema_url, "schema URL"),
    )
