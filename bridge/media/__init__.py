"""Files on their way between platforms: where they are kept meanwhile, what they are, what they may be called."""
