"""The schema's history, one file per revision. A released revision is never edited."""
