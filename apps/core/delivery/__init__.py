"""What every answer of Django is wrapped in: compression, caching, security policies."""
