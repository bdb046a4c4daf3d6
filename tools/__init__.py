"""Commands for those who develop the gallery."""
