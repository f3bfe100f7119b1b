"""What the cloud itself says: which hosts exist, what their consoles show, what still carries an environment's tag."""
