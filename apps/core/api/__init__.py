"""What every API of the portal shares: authentication, permission, errors, schema."""
