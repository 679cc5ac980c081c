"""Step 4, the exporters: send, try again, split what is too large, count what is dropped."""
