"""The design system: template tags, charts, the look of states, the policy of pages."""
