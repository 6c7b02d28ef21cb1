"""What all counterparts have in common: the records of one (`counterpart`), and where they are found (`registry`)."""
