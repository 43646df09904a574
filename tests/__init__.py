"""The tests of the project, by member."""
