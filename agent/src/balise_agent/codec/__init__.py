"""Bytes and their meaning: packets, DNS messages, hellos. Pure: nothing in here touches a socket or a clock."""
