"""Our side of each platform. Adapters know the model, events, actions and markup; never routing, never each other."""
