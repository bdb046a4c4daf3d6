"""Runs ministack and closes its gaps, one module per gap. Runs in ministack's environment."""
