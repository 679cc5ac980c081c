"""The delivery matrix: every framework under every server, through every ending, over both protocols."""
