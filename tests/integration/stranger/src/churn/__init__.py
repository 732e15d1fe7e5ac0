"""Which customers leave: a team's own package, written in pandas and scikit-learn."""
