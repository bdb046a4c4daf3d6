"""The laptop cloud: the whole application on this machine, without an account. Development only."""
