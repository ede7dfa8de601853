"""The portal: pages for app developers. It knows the services, not the console."""
