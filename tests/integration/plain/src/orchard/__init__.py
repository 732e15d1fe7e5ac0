"""A team's package: it registers its pipeline, and knows no orchestrator."""
