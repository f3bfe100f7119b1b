"""Baton's own rules, by what they look at. Each is a small function of its parameters and of what is planned."""
