"""Output of the commands: text and tables in a terminal, JSON with --json."""
