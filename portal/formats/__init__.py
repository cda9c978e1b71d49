"""How each language writes dates, where Django's way does not fit."""
