"""The bottleneck pages."""
