"""Pictures of the engine's UI for the documentation, taken of a real run."""
