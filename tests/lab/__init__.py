"""The lab's tests, and the lab that those marked `lab` share."""
