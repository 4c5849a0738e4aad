"""Block Kit validation: every block, element, object and limit that the sandbox knows."""
