"""A tour of each side: a bug in a validation, then a backfill in which one day's input is corrupt."""
