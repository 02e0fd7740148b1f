"""The networks that bench trains, one file a family of them."""
