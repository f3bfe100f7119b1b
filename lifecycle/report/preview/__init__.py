"""A preview for programs, for people and for a pull request: all three are read off the same fields."""
