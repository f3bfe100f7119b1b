"""What Baton is about: values, decisions and the loop. No I/O beyond parsing a text it is given."""
