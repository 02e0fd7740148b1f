"""Networks and rules that find objects where no mask marks them."""
