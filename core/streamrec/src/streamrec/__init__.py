"""StreamRec: the daily recommender training that every orchestrator is compared on; pure functions only."""
