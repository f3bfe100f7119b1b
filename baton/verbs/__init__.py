"""One file per verb: the file list is the glossary."""
