"""What the pages of both views are made of: the read model and one builder a page."""
