"""State: Redis for what is live. Every key of a lane carries the lane's tag, so that a commit is one slot."""
