"""The commands: each parses its options, calls functions of the package, and prints."""
