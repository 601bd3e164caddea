"""What the packed program of a backend starts with, see `processes.pack`."""

from backends_test.any_model.participant import main

if __name__ == "__main__":
    main()
