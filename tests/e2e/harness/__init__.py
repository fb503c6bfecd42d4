"""What the end-to-end tests have in common: the program under test, servers behind it, clients before it."""
