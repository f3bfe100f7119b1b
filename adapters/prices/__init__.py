"""Price books from files: the packaged catalogue, somebody's own prices over it, and a vendor's offer file."""
