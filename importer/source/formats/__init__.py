"""The formats that a source can have, one module for each."""
