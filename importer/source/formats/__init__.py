"""The formats that a source can have, a module for each that is called like it, and their parts."""
