"""What is to be run, as data: the request, a suite's file, the plan of cells."""
