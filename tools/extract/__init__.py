"""`make extract FLOW=views TO=../my-app`: one flow as an application of its own."""
