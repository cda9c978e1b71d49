"""Pages about who is told of an alert, and why."""
