"""Step 4, the exporters: they send, try again, split what is too large, and count what they drop."""
