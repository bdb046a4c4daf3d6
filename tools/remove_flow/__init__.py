"""Removes a flow from a copy of this repository: `make remove-flow FLOW=report`."""
