"""Validation: proof that two sides produce the same data, or the first difference with a guess at its cause."""
