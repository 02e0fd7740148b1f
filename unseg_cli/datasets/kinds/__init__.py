"""The kinds of data that can be read: a file each."""
