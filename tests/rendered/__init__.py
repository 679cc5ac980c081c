"""A rendered project, judged by the tools its developers use."""
