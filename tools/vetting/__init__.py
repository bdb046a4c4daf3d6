"""Checks the deployed resources and policies with third-party tools and data."""
