"""Which lines are the same sentence with other values in it."""
