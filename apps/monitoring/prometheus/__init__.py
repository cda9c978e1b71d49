"""Prometheus, in and out: what `/metrics` shows, scraped text, and remote write as rows."""
