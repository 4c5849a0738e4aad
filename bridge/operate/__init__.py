"""What an operator does with the archive by command: search it, export from it, forget somebody, prune it."""
