"""The cut-over of a pipeline: comparisons date by date, the change of its schedule's owner, and the rollback."""
