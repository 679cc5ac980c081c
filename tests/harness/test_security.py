"""Checks who can talk to a receiver that has certificates."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from .certificates import Authority
from .clients import (
    Client,
    connect,
    context_of,
)
from .receiver import Receiver


@pytest.mark.parametrize("wrong", ["expired", "elsewhere"])
def test_wrong_server_certificate_is_refused_by_clients(protocol: Any, authority: Authority, wrong: str) -> None:
    """No client that checks talks to a server whose certificate expired or names another host."""
    certificate = authority.expired_server() if wrong == "expired" else authority.server("elsewhere.example")
    with Receiver(protocol, tls=authority, certificate=certificate) as receiver, Client(receiver, authority) as client:
        assert client.send().code in (grpc.StatusCode.UNAVAILABLE, "SSLCertVerificationError")
        assert receiver.requests == []


@pytest.mark.parametrize("presented", ["none", "foreign"])
def test_mutual_tls_refuses_strangers(protocol: Any, authority: Authority, tmp_path: Any, presented: str) -> None:
    """With mutual TLS a client without a certificate, or with another authority's, gets no answer."""
    pair = Authority(tmp_path).client() if presented == "foreign" else None
    with Receiver(protocol, tls=authority, mutual=True) as receiver, Client(receiver, authority, pair) as client:
        assert not client.send().is_success
        assert receiver.requests == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_certificate_is_valid_for_both_local_names(protocol: Any, authority: Authority, host: str) -> None:
    """The default certificate can be checked against the local host's name and against its address."""
    context = context_of(authority)
    context.set_alpn_protocols(["h2"] if protocol == "grpc" else [])
    with (
        Receiver(protocol, tls=authority) as receiver,
        context.wrap_socket(connect(receiver), server_hostname=host) as secure,
    ):
        assert secure.version() == "TLSv1.3"


def test_silent_client_stalls_nobody(protocol: Any, authority: Authority) -> None:
    """A client that connects and never starts its handshake does not keep others from being served."""
    with Receiver(protocol, tls=authority) as receiver, connect(receiver), Client(receiver, authority) as client:
        assert client.send().is_success


def test_security_needs_an_authority(protocol: Any, authority: Authority) -> None:
    """Asking for mutual TLS or a certificate without TLS is an error, not a plaintext receiver."""
    with pytest.raises(ValueError, match="authority"):
        Receiver(protocol, mutual=True)
    with pytest.raises(ValueError, match="authority"):
        Receiver(protocol, certificate=authority.server())
