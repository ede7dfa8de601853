"""Two sample services, their OpenAPI documents, and the documents that set the example up."""
