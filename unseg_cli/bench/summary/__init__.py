"""`unseg bench report`: several runs on one page, for people who have never trained a network."""
