"""Throw-away certificates: a private authority and what it signs, as PEM files."""

from __future__ import annotations

import datetime
import threading
from typing import TYPE_CHECKING, NamedTuple

import trustme

if TYPE_CHECKING:
    from pathlib import Path

LOCAL_HOSTS = ("localhost", "127.0.0.1")


class Pair(NamedTuple):
    """Names the PEM files of one certificate and of its private key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates that only those who trust `ca` accept, and writes them into a directory."""

    def __init__(self, directory: Path) -> None:
        """Create the authority; `directory` must exist and be used by no other authority."""
        self._directory = directory
        self._authority = trustme.CA()
        self._signed = 0
        self._numbering = threading.Lock()  # tests start runs in threads, and two must not write one file
        self.ca = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca)

    def server(self, host: str | None = None) -> Pair:
        """Sign a server's certificate, for `host` or else for this machine's two local names."""
        return self._sign(LOCAL_HOSTS if host is None else (host,))

    def expired_server(self) -> Pair:
        """Sign a server's certificate for the local names that stopped being valid long ago."""
        return self._sign(LOCAL_HOSTS, not_after=datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC))

    def client(self) -> Pair:
        """Sign a client's certificate, for mutual TLS."""
        return self._sign(("client.example",))

    def _sign(self, hosts: tuple[str, ...], not_after: datetime.datetime | None = None) -> Pair:
        with self._numbering:
            self._signed += 1
            name = f"{self._signed}-{hosts[0]}"
        leaf = self._authority.issue_cert(*hosts, not_after=not_after)
        pair = Pair(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(pair.certificate)
        leaf.private_key_pem.write_to_path(pair.key)
        return pair
