"""The pages of metrics: the explorer, what metrics cost, and objectives."""
