"""Random histories of faults. It is a package so that fixtures can have the scope `package`."""
