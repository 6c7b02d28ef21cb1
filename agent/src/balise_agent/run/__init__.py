"""The program: the command line, the loop that joins the other folders, and what a person at the probe asks of it."""
