"""Parcels that come late: a pipeline as a team would write it from the documentation alone."""
