"""Disposable copies: deleting any of it is always safe."""
