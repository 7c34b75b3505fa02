"""``python -m pipeline`` is the same program as ``signin-triage``."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
