"""The parts of scripts/system-test."""
