"""Whose schedule runs a pipeline while it moves: comparisons date by date, the cut-over, and the way back."""
