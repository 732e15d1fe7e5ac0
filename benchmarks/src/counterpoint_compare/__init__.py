"""The same partition of a pipeline on every orchestrator, side by side: digests, time, memory, code; and advice."""
