"""From the pictures of a data set to those that victims are trained and tested on."""
