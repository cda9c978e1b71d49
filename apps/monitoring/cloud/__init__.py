"""Figures that a cloud provider measures, read through one port: `CloudSource`."""
