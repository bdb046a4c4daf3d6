"""Runs the gallery on the laptop cloud. For development only."""
