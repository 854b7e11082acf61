"""Floor 2, bricks: the layers that systems share. Import the module you need; nothing is re-exported."""
