"""Checks of the deployed resources and policies by tools and data that are not ours."""
