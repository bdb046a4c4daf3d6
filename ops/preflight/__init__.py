"""Checks what prevents a deployment: `make preflight`, and the first step of `make deploy`."""
