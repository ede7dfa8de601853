"""Where strangers' texts are read: in processes that hold nothing, reach nothing and are given up in time."""
