"""Fakes: honest in-memory implementations of the ports. Public, and held to the same contract suites."""
