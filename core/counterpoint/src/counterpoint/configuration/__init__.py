"""Environments: what `counterpoint.toml` says of each, which one a command goes by, and what a pipeline gets of it."""

from __future__ import annotations

from counterpoint.commands import ENV
from counterpoint.configuration.applied import applied
from counterpoint.configuration.file import CONFIG, FILE, Environments, find_file, read_file
from counterpoint.configuration.merging import configuration_of, environment_named
from counterpoint.configuration.tables import Environment
from counterpoint.configuration.targets import DeclaredTarget
from counterpoint.model import Configuration

__all__ = [
    "CONFIG",
    "ENV",
    "FILE",
    "Configuration",
    "DeclaredTarget",
    "Environment",
    "Environments",
    "applied",
    "configuration_of",
    "environment_named",
    "find_file",
    "read_file",
]
