"""The Performance pages: operations ranked, one operation, and both live."""
