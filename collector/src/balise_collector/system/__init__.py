"""What every other folder stands on: settings, clock, errors, durable files, bounded listeners."""
