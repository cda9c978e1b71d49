"""The Overview: one service at a glance, live.

`panels` says what is drawn, `reading` reads it, `payload` puts one message together (for the first
load and for the live topic alike), `pages` serves.
"""
