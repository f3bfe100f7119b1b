"""Every text and every field that a person or a program reads. No colours here: how it looks is the terminal's business."""
