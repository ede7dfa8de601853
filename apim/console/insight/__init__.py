"""What the pages of analytics share: filters in the URL, names, figures with their tables."""
