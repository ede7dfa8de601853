"""Long work: asked for by a person, done by workers, with progress, cancel and what came of it."""
