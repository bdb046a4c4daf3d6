"""What two functions or more use."""
