"""The Dagster adapter of Counterpoint."""
