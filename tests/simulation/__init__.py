"""Histories of faults; a package, so that fixtures of its scope end with it."""
