"""StreamRec without Counterpoint: the same pure functions, orchestrated by hand, once per orchestrator."""
