"""Picture files in and out, with everything in them that is not pixels."""
