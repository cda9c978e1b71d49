"""Searches of log lines as files, made by the worker."""
