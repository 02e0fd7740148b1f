"""What a bench run leaves for people: tables and plots."""
