"""A stateful stand-in for one Slack workspace with one installed app."""
