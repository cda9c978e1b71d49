"""What the spans of a trace say together: their tree, the critical path, and how traces differ."""
