"""What tests of several rooms of core share."""

from __future__ import annotations

import logging
import urllib.request
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.cli.commands import packages

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged reaches `caplog` also after a test whose command set up its own log in this process."""
    for name in packages():
        own = logging.getLogger(name)
        own.setLevel(logging.NOTSET)
        monkeypatch.setattr(own, "handlers", [])
        monkeypatch.setattr(own, "propagate", True)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server of moto stands in for S3; it has a bucket."""
    moto: Any = import_module("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/bucket", method="PUT")).close()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The URI of a place in the bucket for one test, whose process may use it."""
    settings = {"ENDPOINT_URL": address, "ALLOW_HTTP": "true", "REGION": "us-east-1"}
    keys = {"ACCESS_KEY_ID": "any", "SECRET_ACCESS_KEY": "any"}
    for name, value in {**settings, **keys}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return f"s3://bucket/{request.node.name}"
