"""The crash campaign: seeded scripts against real processes while things break, and one checker of what was seen."""
