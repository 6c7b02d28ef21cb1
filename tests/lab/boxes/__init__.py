"""Boxes, fired at or asked."""
