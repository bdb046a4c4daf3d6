"""`make cost`: what the stack costs under some traffic, and which limit that traffic hits first."""
