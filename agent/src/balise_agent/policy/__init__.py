"""What a probe may do and say: limits, the gate before every packet, byte accounting, what leaves the device."""
