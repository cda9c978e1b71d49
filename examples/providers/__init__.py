"""An inbox that behaves like the providers that messages go to, for tests and the demo."""
