"""What spans and log records share: attributes, and how a request nests them.

The messages are those of common.proto, resource.proto and trace.proto in opentelemetry/proto.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from .repair import as_text, utf8
from .wire import Encode, Message, delimited

ANY_VALUE = Message(common_pb2.AnyValue)
ARRAY_VALUE = Message(common_pb2.ArrayValue)
KEY_VALUE = Message(common_pb2.KeyValue)
KEY_VALUE_LIST = Message(common_pb2.KeyValueList)
RESOURCE = Message(resource_pb2.Resource)
SCOPE = Message(common_pb2.InstrumentationScope)
# They also stand for ResourceLogs and ScopeLogs, whose fields have the same numbers.
REQUEST = Message(ExportTraceServiceRequest)
RESOURCE_SPANS = Message(trace_pb2.ResourceSpans)
SCOPE_SPANS = Message(trace_pb2.ScopeSpans)

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
# Lists and mappings inside each other. Protobuf reads 100 messages below each other, and a mapping
# takes three.
MAX_DEPTH = 25
REMEMBERED_TEXT = 64  # characters; longer texts rarely come again


def key_values(attributes: Any, depth: int = 0) -> list[bytes]:
    """Return each attribute as a KeyValue; `depth` says how many values these are inside of."""
    if not attributes:
        return []
    encoded = []
    for key, value in attributes.copy().items():  # a dict is faster than the SDK's mappings
        if _repeats(value):
            pair = _repeated_pair(key, value)
        else:
            pair = _pair(key, value, depth)
        encoded.append(pair)
    return encoded


def _repeats(value: Any) -> bool:
    """Return whether a value is likely to come again, such as a route or a status code."""
    if type(value) is str:
        return len(value) < REMEMBERED_TEXT
    return type(value) in (bool, int)


def _pair(key: str, value: Any, depth: int = 0) -> bytes:
    return KEY_VALUE(
        key=utf8(key, key),
        value=any_value(value, key, depth),
    )


_repeated_pair = lru_cache(maxsize=2048, typed=True)(_pair)


def any_value(value: Any, name: str, depth: int = 0) -> bytes:
    """Return an AnyValue. `name` says whose value it is."""
    return delimited(_only_field(value, name, depth))


def _only_field(value: Any, name: str, depth: int) -> bytes:
    """Return the field of AnyValue for the value's type."""
    field = ANY_VALUE.field
    if value is None:
        return b""
    if isinstance(value, bool):
        return field("bool_value", value)
    if isinstance(value, str):
        return field("string_value", utf8(value, name))
    if isinstance(value, int) and INT64_MIN <= value <= INT64_MAX:
        return field("int_value", int(value))
    if isinstance(value, float):
        return field("double_value", value)
    if isinstance(value, bytes):
        return field("bytes_value", value)
    return _field_of_many(value, name, depth + 1)


def _field_of_many(value: Any, name: str, depth: int) -> bytes:
    field = ANY_VALUE.field
    is_flat = depth <= MAX_DEPTH
    if isinstance(value, Sequence) and is_flat:
        values = [any_value(item, name, depth) for item in value]
        array = ARRAY_VALUE(values=values)
        return field("array_value", array)
    if isinstance(value, Mapping) and is_flat:
        pairs = {str(key): item for key, item in value.items()}
        pair_list = KEY_VALUE_LIST(values=key_values(pairs, depth))
        return field("kvlist_value", pair_list)
    text = as_text(value, name)
    return field("string_value", text)


Groups = dict[bytes, dict[bytes, list[bytes]]]  # items by resource and scope


def encoded_request(items: Sequence[Any], encode_item: Encode) -> bytes:
    """Return an export request, which nests items by resource and scope."""
    content = b""
    for resource, by_scope in _grouped(items, encode_item).items():
        scope_spans = []
        for scope, group in by_scope.items():
            fields = scope + SCOPE_SPANS.field("spans", group)
            scope_spans.append(delimited(fields))
        fields = resource + RESOURCE_SPANS.field("scope_spans", scope_spans)
        content += REQUEST.field("resource_spans", [delimited(fields)])
    return content


def _grouped(items: Sequence[Any], encode_item: Encode) -> Groups:
    groups: Groups = {}
    known: dict[int, bytes] = {}  # a batch has few resources and scopes; each is encoded once
    for item in items:
        resource = _once(item.resource, _resource, known)
        scope = _once(item.instrumentation_scope, _scope, known)
        by_scope = groups.setdefault(resource, {})
        group = by_scope.setdefault(scope, [])
        group.append(encode_item(item))
    return groups


def _once(thing: Any, encode: Encode, known: dict[int, bytes]) -> bytes:
    identity = id(thing)  # to hash a resource takes as long as to encode it
    if identity not in known:
        known[identity] = encode(thing)
    return known[identity]


def _resource(resource: Any) -> bytes:
    """Return the fields of ResourceSpans that describe the resource."""
    message = RESOURCE(attributes=key_values(resource.attributes))
    schema_url = utf8(resource.schema_url, "schema URL")
    field = RESOURCE_SPANS.field
    return field("resource", message) + field("schema_url", schema_url)


def _scope(scope: Any) -> bytes:
    """Return the fields of ScopeSpans that describe the scope."""
    field = SCOPE_SPANS.field
    if scope is None:
        return field("scope", SCOPE())
    message = SCOPE(
        name=utf8(scope.name, "scope name"),
        version=utf8(scope.version, "scope version"),
        attributes=key_values(scope.attributes),
    )
    schema_url = utf8(scope.schema_url, "schema URL")
    return field("scope", message) + field("schema_url", schema_url)
