"""The pages of people on call."""
