"""Sends one event through the application and shows what comes out."""
