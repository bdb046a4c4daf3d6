"""`make cost`: what the stack costs for some traffic, and which limit the traffic reaches first."""
