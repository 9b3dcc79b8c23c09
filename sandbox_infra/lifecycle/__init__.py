"""The life of stacks: bringing them up, looking at them, taking them down."""
