"""The steps. Each is named by its number, with leading zeros; a step that was released never changes."""
