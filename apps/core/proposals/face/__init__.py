"""What the pages of proposals say and draw."""
