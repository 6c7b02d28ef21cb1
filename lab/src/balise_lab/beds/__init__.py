"""The lab and the virtual field side by side: what one is told, said to the other.

It stands above both. Must not live here: playing either (run, field), or what they must say.
"""
