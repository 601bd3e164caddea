"""The model of this project as one would write it by hand, a module for each framework."""
