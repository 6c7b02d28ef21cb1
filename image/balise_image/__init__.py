"""How the card's image is made and tried. A development tool beside the members: installed nowhere, run by make."""
