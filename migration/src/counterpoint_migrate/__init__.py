"""Moving to another orchestrator: what there is, in which order it moves, proof that data stay equal, the cut-over."""
