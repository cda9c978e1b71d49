"""django-silk on a sample of staff's own requests, each bound to its trace. Off by default."""
