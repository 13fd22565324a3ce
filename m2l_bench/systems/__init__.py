"""From a card to something that runs: adapters, the wrappers around them, and a check of each."""
