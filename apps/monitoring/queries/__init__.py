"""The reads: what pages, API and rules ask of the store."""
