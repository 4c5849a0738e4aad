"""How the archive's schema came to be, one step a file in `versions`. Run by `bridge.store.archive.schema`."""
