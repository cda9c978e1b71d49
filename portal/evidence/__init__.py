"""Traces and log lines: where every figure leads."""
