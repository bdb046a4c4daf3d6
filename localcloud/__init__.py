"""Runs a SAM application on this machine, without an AWS account. Development only."""
