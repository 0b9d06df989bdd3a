"""What is to be evaluated, as data: requests, suites, and the plan of cells."""
