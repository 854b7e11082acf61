"""Floor 5, the demo: the whole story on built-in or one's own sounds, with a page at the end."""

from smalti.demo.story import demo

__all__ = ["demo"]
