"""The launcher behind `make run`: one command brings the whole portal up, another takes it down."""
