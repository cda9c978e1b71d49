"""Bottlenecks: what makes requests slow, why, and what to do about it."""
