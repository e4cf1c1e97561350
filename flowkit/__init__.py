"""Read AWS VPC Flow Logs."""
