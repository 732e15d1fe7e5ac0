"""Proof that two sides make the same data, output by output, or the first difference and a guess at its cause."""
