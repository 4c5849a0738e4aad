"""The other side of the wire: servers that behave as WhatsApp and Slack do, and the people behind them."""
