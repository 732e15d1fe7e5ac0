"""Dagster by its GraphQL API: materializations of an asset."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from counterpoint.bridging.found import MADE, External
from counterpoint.bridging.servers import SECONDS
from counterpoint.errors import ServiceError
from counterpoint.http import ask, basic
from counterpoint.redaction import redacted

if TYPE_CHECKING:
    from counterpoint.bridging.servers import Server

_QUERY = """query Materialized($key: AssetKeyInput!, $partitions: [String!], $after: String) {
  assetOrError(assetKey: $key) { __typename ... on Asset {
    assetMaterializations(partitions: $partitions, afterTimestampMillis: $after, limit: 1) {
      runId timestamp partition metadataEntries { label __typename
        ... on TextMetadataEntry { text } ... on IntMetadataEntry { intRepr } ... on FloatMetadataEntry { floatValue }
        ... on BoolMetadataEntry { boolValue } ... on JsonMetadataEntry { jsonString } ... on PathMetadataEntry { path }
        ... on UrlMetadataEntry { url } ... on MarkdownMetadataEntry { mdStr }
        ... on TimestampMetadataEntry { timestamp }
      } } } } }"""
_MILLISECONDS = 1000


def materialization_of(
    server: Server, asset_key: str, partition: str | None, since: datetime | None = None
) -> External | None:
    """The newest materialization of a partition of an asset (`a/b`), or None; `since` leaves older ones out.

    Raises:
        ServiceError: Dagster does not answer, or refuses.
    """
    variables = {
        "key": {"path": asset_key.split("/")},
        "partitions": None if partition is None else [partition],
        "after": since and str(int(since.timestamp() * _MILLISECONDS)),
    }
    asset = _query(server, variables)["assetOrError"]
    events = asset.get("assetMaterializations") or ()  # Dagster has no asset that was never materialized
    return _external(server, asset_key, partition or "", events[0]) if events else None


def _query(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    credentials = {"Dagster-Cloud-Api-Token": server.token} if server.token else {}
    if server.user and not server.token:
        credentials = basic(server.user, server.password)
    question = {"query": _QUERY, "variables": variables}
    values = ask(f"{server.url}/graphql", question, credentials=credentials, seconds=SECONDS)
    if values.get("errors"):
        raise ServiceError(f"{server.url}/graphql refused a query: {redacted(values['errors'][0]['message'])}")
    data: dict[str, Any] = values["data"]
    return data


def _external(server: Server, asset_key: str, partition: str, event: dict[str, Any]) -> External:
    return External(
        orchestrator="dagster",
        name=asset_key,
        partition=event["partition"] or partition,
        run_id=event["runId"],
        state=MADE,
        at=datetime.fromtimestamp(int(event["timestamp"]) / _MILLISECONDS, UTC).isoformat(),
        # a materialization that a sensor or a person reported belongs to no run
        url=f"{server.url}/runs/{event['runId']}" if event["runId"] else f"{server.url}/assets/{quote(asset_key)}",
        metadata={entry["label"]: _value(entry) for entry in event["metadataEntries"]},
    )


def _value(entry: dict[str, Any]) -> Any:
    """The value of a metadata entry; of a kind that is not asked for, such as a schema of a table, the kind's name."""
    values = [value for name, value in entry.items() if name not in {"label", "__typename"}]
    if not values:
        return entry["__typename"]
    if "intRepr" in entry:
        return int(entry["intRepr"])
    return json.loads(entry["jsonString"]) if "jsonString" in entry else values[0]
