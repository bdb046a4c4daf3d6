"""Commands of a developer of the gallery."""
