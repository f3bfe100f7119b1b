"""Makes the parts of docs/ that are read off the program: `python -m scripts.docs` writes them, `--check` only compares."""
