"""Previews: everything that an approver sees, as one value with one digest."""

from lifecycle.preview.model import HostPreview, HostWork, Preview, StackPreview, StepPreview

__all__ = ["HostPreview", "HostWork", "Preview", "StackPreview", "StepPreview"]
