"""What the receiver's tests share: an environment that configures nothing, and receivers of each kind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from .certificates import Authority
from .receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment from configuring the exporters, or naming other authorities and proxies."""
    for name in os.environ:
        if name.startswith("OTEL_") or name.endswith("_CA_BUNDLE") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def receiver(protocol: Any) -> Iterator[Receiver]:
    with Receiver(protocol) as receiver:
        yield receiver


@pytest.fixture(params=["plaintext", "tls", "mutual"])
def secured(request: pytest.FixtureRequest, protocol: Any, authority: Authority) -> Iterator[Receiver]:
    tls = None if request.param == "plaintext" else authority
    with Receiver(protocol, tls=tls, mutual=request.param == "mutual") as receiver:
        yield receiver


@pytest.fixture
def trusted(secured: Receiver, authority: Authority) -> Authority | None:
    """Return the authority that the clients of `secured` need, if any."""
    return authority if secured.endpoint.startswith("https://localhost:") else None
