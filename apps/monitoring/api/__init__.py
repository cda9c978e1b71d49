"""The API of monitoring: metric series, their catalogue, and the state of components."""
