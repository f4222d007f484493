"""The notes, and reading them: no model, no index, no network."""
