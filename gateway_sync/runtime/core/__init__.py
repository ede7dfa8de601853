"""The core: decisions about heads. Pure: no loop, no sockets, no clock; time and fresh ids are arguments."""
