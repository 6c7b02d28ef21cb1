"""The probe's hands: sockets, the capture tap, name servers, the gateway. It acts and reports; it decides nothing."""
