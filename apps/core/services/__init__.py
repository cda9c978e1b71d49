"""The verbs of the kernel."""
