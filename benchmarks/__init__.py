"""Benchmarks: each prints a ratio to a limit measured in the same run. `make bench NAME=web`."""
