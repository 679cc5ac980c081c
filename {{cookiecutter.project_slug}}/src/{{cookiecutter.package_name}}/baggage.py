"""Which baggage entries are copied to every span.

Baggage comes in with a request and goes out with every call, so anybody upstream can write it. Name only
keys that you know, for example frozenset({"tenant.id"}). Without this file no entry is copied.
"""

SPAN_ATTRIBUTES: frozenset[str] = frozenset()
