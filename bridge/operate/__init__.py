"""What an operator does by command: verify, search, export, forget, prune, replay dead letters, look after the archive."""
