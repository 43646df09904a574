"""What is done with a request, from the first check to the answer."""
