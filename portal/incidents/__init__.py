"""The pages of incidents, and the status pages that people outside see."""
