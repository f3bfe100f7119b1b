"""Blueprints in git: a shallow checkout of one commit, kept in the cache."""
