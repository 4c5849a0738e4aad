"""Slack: a desk, where staff answer in threads."""
