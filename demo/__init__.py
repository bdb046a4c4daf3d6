"""Drives the gallery on the laptop cloud. Development only."""
