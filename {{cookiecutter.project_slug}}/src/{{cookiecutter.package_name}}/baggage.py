"""Which baggage entries are copied to every span.

Baggage arrives with a request and is passed on with every call, so any caller can write it. List
only keys that you know, for example frozenset({"tenant.id"}). Without this file no entry is copied.
"""

SPAN_ATTRIBUTES: frozenset[str] = frozenset()
