"""Image files ↔ uint8 arrays, exactly or refused, and how alike two images are."""
