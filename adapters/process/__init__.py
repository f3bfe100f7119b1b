"""Runs a foreign tool so that nothing of it outlives its run: supervisor (holds the tool), runner (talks to it), owner (who we are)."""
