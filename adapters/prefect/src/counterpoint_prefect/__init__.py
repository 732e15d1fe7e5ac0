"""The Prefect adapter of Counterpoint."""
