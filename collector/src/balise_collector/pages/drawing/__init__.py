"""Pictures: SVG strips and timelines, the card of an incident, and their colours."""
