"""What pages share beyond templates."""
