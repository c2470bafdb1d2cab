"""Settings by place (base, development, production, test) and by integration (the other modules)."""
