"""Proposals for programs."""
